// Live-tensor counts are per process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
