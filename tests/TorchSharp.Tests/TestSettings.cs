// Counts of live tensors are the process's, so tests run one after another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
