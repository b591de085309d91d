namespace Diffusion.Data;

/// <summary>One shard's images of one global batch, in host memory. Dispose to give its buffers back.</summary>
/// <remarks>The arrays have exactly the batch's length, so that they can be handed to a tensor library whole; they are reused after <see cref="Dispose"/>.</remarks>
public sealed class ImageBatch : IDisposable
{
    private readonly ShardReader owner;
    private int disposed;

    internal ImageBatch(ShardReader owner, int count)
    {
        this.owner = owner;
        Count = count;
        Shape = owner.Images.Shape;
        Element = owner.Images.Element;
        LabelDim = owner.Images.LabelDim;
        int values = checked(count * Shape.Elements);
        Pixels = Element == ImageElement.Pixel ? GC.AllocateUninitializedArray<byte>(values) : [];
        Latents = Element == ImageElement.Latent ? GC.AllocateUninitializedArray<float>(values) : [];
        Labels = new float[count * LabelDim];
        ImageIds = new long[count];
        Indices = new long[count];
    }

    /// <summary>Images seen by the run before this global batch.</summary>
    public long ImagesSeen { get; internal set; }

    /// <summary>The shard.</summary>
    public int Shard { get; internal set; }

    /// <summary>Number of images n.</summary>
    public int Count { get; }

    /// <summary>Shape of one image.</summary>
    public ImageShape Shape { get; }

    /// <summary>Which of <see cref="Pixels"/> and <see cref="Latents"/> is filled.</summary>
    public ImageElement Element { get; }

    /// <summary>Length of one label.</summary>
    public int LabelDim { get; }

    /// <summary>[n, C, H, W] uint8; empty for latents.</summary>
    public byte[] Pixels { get; }

    /// <summary>[n, C, H, W] float32 raw latents (means, then standard deviations); empty for pixels.</summary>
    public float[] Latents { get; }

    /// <summary>[n, label_dim] float32.</summary>
    public float[] Labels { get; }

    /// <summary>[n] the images' numbers in the data set, for the log of consumed images. A mirrored image is ~number.</summary>
    public long[] ImageIds { get; }

    internal long[] Indices { get; }

    /// <summary>Gives the buffers back; the arrays may not be used afterwards.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 0)
        {
            owner.Return(this);
        }
    }

    internal void Reopen() => Volatile.Write(ref disposed, 0);
}
