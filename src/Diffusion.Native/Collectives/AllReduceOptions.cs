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

    /// <exception cref="ArgumentException">A value makes no sense.</exception>
    internal void Check()
    {
        if (BucketBytes < 4096 || Threads < 1)
        {
            throw new ArgumentException($"Buckets of {BucketBytes} bytes and {Threads} threads; buckets need at least 4096 bytes and adding at least one thread.");
        }
    }

    /// <summary>Floats of a bucket, rounded up so that slices of a whole one are equal.</summary>
    internal long BucketFloats(long length, long multiple) => Math.Min(length, ((BucketBytes / sizeof(float)) + multiple - 1) / multiple * multiple);
}
