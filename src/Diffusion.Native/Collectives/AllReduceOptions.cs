namespace Diffusion.Native.Collectives;

/// <summary>What changes the speed of an all-reduce, never its result.</summary>
public sealed record AllReduceOptions
{
    /// <summary>How much of the arena travels at a time, over all ranks. The same on every rank.</summary>
    /// <value>16 MiB.</value>
    public int BucketBytes { get; init; } = 16 << 20;

    /// <summary>Threads that add.</summary>
    /// <value>1.</value>
    public int Threads { get; init; } = 1;
}
