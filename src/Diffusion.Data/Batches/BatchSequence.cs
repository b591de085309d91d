namespace Diffusion.Data;

/// <summary>
/// The order in which a run sees its images: a pure function of the seed and the number of images seen.
/// No state has to be saved to resume it, and no message has to be sent to agree on it.
/// </summary>
/// <remarks>
/// The global batch that starts at t images seen is positions t … t+B−1 of an endless sequence; epoch e of it is
/// 0…n−1 shuffled by a generator seeded with (seed, e). Batches cross epochs freely. Safe for concurrent use.
/// </remarks>
public sealed class BatchSequence
{
    private readonly int imageCount;
    private readonly long seed;
    private readonly bool shuffle;

    // A batch that crosses an epoch needs two permutations; both are kept, and replaced by reference only.
    private volatile EpochOrder? current;
    private volatile EpochOrder? previous;

    /// <summary>Fixes the order.</summary>
    /// <param name="imageCount">Number of images in the data set, 1…2³¹−1.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="shuffle">False to visit the images in their own order in every epoch.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="imageCount"/> is out of range.</exception>
    public BatchSequence(long imageCount, long seed, bool shuffle = true)
    {
        if (imageCount is < 1 or > int.MaxValue)
        {
            throw new ArgumentOutOfRangeException(nameof(imageCount), imageCount, $"The data set has {imageCount} images; a sequence needs 1 to {int.MaxValue}. Check the data set's path and its maximum size.");
        }

        this.imageCount = (int)imageCount;
        this.seed = seed;
        this.shuffle = shuffle;
    }

    /// <summary>Number of images in the data set: the length of an epoch.</summary>
    public long ImageCount => imageCount;

    /// <summary>The image at one position of the endless sequence.</summary>
    /// <param name="position">Number of images seen before this one, at least 0.</param>
    /// <returns>Index in the data set, 0…n−1.</returns>
    public long ImageIndexAt(long position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        (long epoch, long within) = Math.DivRem(position, imageCount);
        return shuffle ? OrderOf(epoch)[(int)within] : within;
    }

    /// <summary>The images of one shard of one global batch.</summary>
    /// <param name="imagesSeen">Images seen by the run before this batch.</param>
    /// <param name="batchSize">Global batch B, in images.</param>
    /// <param name="shards">Number of data shards V; must divide B.</param>
    /// <param name="shard">This shard, 0…V−1: it owns the contiguous positions t + shard·B/V … of the batch.</param>
    /// <param name="indices">Receives B/V indices.</param>
    /// <exception cref="ArgumentException">The numbers do not fit together.</exception>
    public void Fill(long imagesSeen, int batchSize, int shards, int shard, Span<long> indices)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(imagesSeen);
        int share = ImagesPerShard(batchSize, shards);
        if (shard < 0 || shard >= shards)
        {
            throw new ArgumentOutOfRangeException(nameof(shard), shard, $"Shard {shard} does not exist: a run with {shards} shards has 0 to {shards - 1}.");
        }

        if (indices.Length != share)
        {
            throw new ArgumentException($"Room for {indices.Length} indices was given, but a shard of batch {batchSize} over {shards} shards holds {share}.", nameof(indices));
        }

        long first = imagesSeen + ((long)shard * share);
        for (int i = 0; i < share; i++)
        {
            indices[i] = ImageIndexAt(first + i);
        }
    }

    /// <summary>Images per shard of a global batch.</summary>
    /// <param name="batchSize">Global batch, in images.</param>
    /// <param name="shards">Number of data shards.</param>
    /// <exception cref="ArgumentException"><paramref name="shards"/> does not divide <paramref name="batchSize"/>.</exception>
    public static int ImagesPerShard(int batchSize, int shards)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(shards, 1);
        return batchSize % shards == 0
            ? batchSize / shards
            : throw new ArgumentException($"A global batch of {batchSize} images cannot be cut into {shards} equal shards. Try {Math.Max(1, batchSize / shards) * shards} or {((batchSize / shards) + 1) * shards} images.", nameof(shards));
    }

    private int[] OrderOf(long epoch)
    {
        EpochOrder? order = current;
        if (order?.Epoch == epoch)
        {
            return order.Indices;
        }

        EpochOrder? older = previous;
        if (older?.Epoch == epoch)
        {
            return older.Indices;
        }

        var fresh = new EpochOrder(epoch, LegacyRandom.ForTuple(seed, epoch).Permutation(imageCount));
        previous = order;
        current = fresh;
        return fresh.Indices;
    }

    private sealed record EpochOrder(long Epoch, int[] Indices);
}
