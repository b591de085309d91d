// Live tensors are counted for the whole process, and libtorch spreads one operation over all cores by itself.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
