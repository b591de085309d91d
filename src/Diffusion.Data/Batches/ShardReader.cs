using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Diffusion.Data;

/// <summary>Reads one shard's slice of a global batch. Which images these are depends on the sequence alone, never on who reads.</summary>
/// <remarks>Safe for concurrent use. Batches are pooled: dispose each.</remarks>
public sealed class ShardReader
{
    private const int MostPooled = 64;
    private readonly BatchSequence sequence;
    private readonly int batchSize;
    private readonly ConcurrentBag<ImageBatch> pool = [];

    /// <summary>Fixes what is read.</summary>
    /// <param name="images">Images.</param>
    /// <param name="sequence">Their order; over as many images.</param>
    /// <param name="batchSize">Global batch B, in images.</param>
    /// <param name="shards">Number of data shards V; must divide B.</param>
    /// <exception cref="ArgumentException">The numbers do not fit together.</exception>
    public ShardReader(ImageSet images, BatchSequence sequence, int batchSize, int shards)
    {
        if (sequence.ImageCount != images.Count)
        {
            throw new ArgumentException($"The sequence is over {sequence.ImageCount} images, the data set has {images.Count}.", nameof(sequence));
        }

        Images = images;
        this.sequence = sequence;
        this.batchSize = batchSize;
        Shards = shards;
        ImagesPerShard = BatchSequence.ImagesPerShard(batchSize, shards);
    }

    /// <summary>The images read from.</summary>
    public ImageSet Images { get; }

    /// <summary>Number of data shards V.</summary>
    public int Shards { get; }

    /// <summary>Global batch B, in images.</summary>
    public int BatchSize => batchSize;

    /// <summary>Images in one <see cref="ImageBatch"/>: B/V.</summary>
    public int ImagesPerShard { get; }

    /// <summary>Reads a shard's images.</summary>
    /// <param name="imagesSeen">Images seen by the run before this global batch.</param>
    /// <param name="shard">Shard, 0…V−1.</param>
    /// <returns>A batch that the caller disposes.</returns>
    public ImageBatch Read(long imagesSeen, int shard)
    {
        ImageBatch batch = pool.TryTake(out ImageBatch? pooled) ? pooled : new ImageBatch(this, ImagesPerShard);
        batch.Reopen();
        batch.ImagesSeen = imagesSeen;
        batch.Shard = shard;
        sequence.Fill(imagesSeen, batchSize, Shards, shard, batch.Indices);

        Span<byte> bytes = batch.Element == ImageElement.Pixel ? batch.Pixels : MemoryMarshal.AsBytes(batch.Latents.AsSpan());
        int recordBytes = bytes.Length / batch.Count;
        for (int i = 0; i < batch.Count; i++)
        {
            int index = (int)batch.Indices[i];
            Images.CopyImage(index, bytes.Slice(i * recordBytes, recordBytes));
            Images.CopyLabel(index, batch.Labels.AsSpan(i * batch.LabelDim, batch.LabelDim));
            int raw = Images.RawIndexOf(index);
            batch.ImageIds[i] = Images.IsMirrored(index) ? ~raw : raw;
        }

        return batch;
    }

    internal void Return(ImageBatch batch)
    {
        if (pool.Count < MostPooled)
        {
            pool.Add(batch);
        }
    }
}
