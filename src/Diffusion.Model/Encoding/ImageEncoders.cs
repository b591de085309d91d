namespace Diffusion.Model.Encoding;

/// <summary>Between what a data set stores and what the network sees.</summary>
public interface IImageEncoder
{
    /// <summary>Channels of a stored image.</summary>
    int StoredChannels { get; }

    /// <summary>Channels of an image as the network sees it.</summary>
    int NetworkChannels { get; }

    /// <summary>Stored images to network images, float32.</summary>
    /// <param name="stored">[N, C, H, W].</param>
    /// <param name="generator">Source of randomness for encoders that sample; on the images' device.</param>
    Tensor Encode(Tensor stored, Generator generator);
}

/// <summary>The encoder that fits a data set.</summary>
public static class ImageEncoders
{
    /// <summary>Chooses by the number of stored channels: 8 are latents, 1 and 3 are pixels.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Another number.</exception>
    public static IImageEncoder For(int storedChannels) => storedChannels switch
    {
        1 or 3 => new PixelEncoder(storedChannels),
        8 => new LatentEncoder(),
        _ => throw new ArgumentOutOfRangeException(nameof(storedChannels), storedChannels, $"Images have {storedChannels} channels; 1 or 3 (pixels) and 8 (means and deviations of latents) are known."),
    };
}

/// <summary>8-bit pixels to [-1, 1] and back.</summary>
/// <param name="channels">1 for grey, 3 for RGB.</param>
public sealed class PixelEncoder(int channels) : IImageEncoder
{
    /// <inheritdoc/>
    public int StoredChannels => channels;

    /// <inheritdoc/>
    public int NetworkChannels => channels;

    /// <summary>x / 127.5 − 1.</summary>
    public static Tensor Encode(Tensor pixels) => pixels.to(ScalarType.Float32).div(127.5).sub(1);

    /// <summary>clip(127.5·x + 128, 0, 255), truncated to 8 bits: −1 becomes 0, 0 becomes 128, 1 becomes 255.</summary>
    public static Tensor Decode(Tensor images) => images.to(ScalarType.Float32).mul(127.5).add(128).clamp(0, 255).to(ScalarType.Byte);

    /// <inheritdoc/>
    Tensor IImageEncoder.Encode(Tensor stored, Generator generator) => Encode(stored);
}

/// <summary>Means and standard deviations of Stable Diffusion's VAE to latents of mean 0 and deviation 0.5: sampled anew every time an image is used.</summary>
/// <remarks>The statistics of the raw latents are those of ImageNet at 512 × 512 (Karras et al., arXiv:2312.02696, Appendix D.1).</remarks>
public sealed class LatentEncoder : IImageEncoder
{
    private const double FinalStd = 0.5;
    private const double FinalMean = 0;
    private static readonly double[] RawMean = [5.81, 3.25, 0.12, -2.15];
    private static readonly double[] RawStd = [4.17, 4.62, 3.71, 3.28];

    /// <inheritdoc/>
    public int StoredChannels => 8;

    /// <inheritdoc/>
    public int NetworkChannels => 4;

    private static float[] Scale => [.. RawStd.Select(std => (float)FinalStd / (float)std)];

    private static float[] Bias => [.. Scale.Select((scale, channel) => (float)FinalMean - ((float)RawMean[channel] * scale))];

    /// <summary>(mean + std · noise)·scale + bias, per channel.</summary>
    /// <param name="stored">[N, 8, H, W]: four means, then four standard deviations.</param>
    /// <param name="noise">Standard normal, [N, 4, H, W].</param>
    public static Tensor Encode(Tensor stored, Tensor noise)
    {
        using var scope = torch.NewDisposeScope();
        var parts = stored.to(ScalarType.Float32).chunk(2, 1);
        return parts[0].add(parts[1].mul(noise)).mul(PerChannel(Scale, stored.device)).add(PerChannel(Bias, stored.device)).MoveToOuterDisposeScope();
    }

    /// <summary>Latents as the network sees them back to latents as the VAE decodes them.</summary>
    /// <param name="latents">[N, 4, H, W].</param>
    public static Tensor Decode(Tensor latents)
    {
        using var scope = torch.NewDisposeScope();
        return latents.to(ScalarType.Float32).sub(PerChannel(Bias, latents.device)).div(PerChannel(Scale, latents.device)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Encode(Tensor stored, Generator generator)
    {
        using var noise = torch.randn([stored.shape[0], 4, stored.shape[2], stored.shape[3]], dtype: ScalarType.Float32, device: stored.device, generator: generator);
        return Encode(stored, noise);
    }

    private static Tensor PerChannel(float[] values, Device device) => torch.tensor(values).reshape(1, values.Length, 1, 1).to(device);
}
