namespace Diffusion.Native.Collectives;

/// <summary>How an arena is cut into buckets, from its end to its beginning, and a bucket into one slice per rank.</summary>
internal sealed class BucketCut
{
    /// <summary>Slices begin at multiples of this many floats of their bucket.</summary>
    public const int SliceAlignment = 16;

    private readonly long length;
    private readonly long floats;
    private readonly int ranks;

    /// <param name="length">Floats of the arena.</param>
    /// <param name="options">How large buckets should be; they are rounded up so that slices of a whole one are equal.</param>
    /// <param name="ranks">Number of slices.</param>
    public BucketCut(long length, AllReduceOptions options, int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        if (options.BucketBytes < 4096 || options.Threads < 1)
        {
            throw new ArgumentException($"Buckets of {options.BucketBytes} bytes and {options.Threads} threads; buckets need at least 4096 bytes and adding at least one thread.", nameof(options));
        }

        this.length = length;
        this.ranks = ranks;
        floats = Math.Min(length, RoundUp(options.BucketBytes / sizeof(float), ranks * SliceAlignment));
    }

    /// <summary>Number of buckets.</summary>
    public long Count => (length + floats - 1) / floats;

    /// <summary>The most floats that a slice has.</summary>
    public long LongestSlice => (floats / ranks) + (2 * SliceAlignment);

    /// <summary>First float of a bucket in the arena.</summary>
    public long Start(long bucket) => Math.Max(0, length - ((bucket + 1) * floats));

    /// <summary>Floats of a bucket; the last one counted may have fewer.</summary>
    public long Floats(long bucket) => length - (bucket * floats) - Start(bucket);

    /// <summary>The part of a bucket that a rank owns: first float in the arena, and how many.</summary>
    public (long Start, long Count) Slice(long bucket, int rank)
    {
        long count = Floats(bucket);
        long per = RoundUp((count + ranks - 1) / ranks, SliceAlignment);
        long from = Math.Min(count, per * rank);
        return (Start(bucket) + from, Math.Min(count, per * (rank + 1)) - from);
    }

    /// <summary>Whether all ranks own equally much of a bucket.</summary>
    public bool IsEven(long bucket)
    {
        long first = Slice(bucket, 0).Count;
        return Enumerable.Range(0, ranks).All(rank => Slice(bucket, rank).Count == first);
    }

    private static long RoundUp(long value, long multiple) => (value + multiple - 1) / multiple * multiple;
}
