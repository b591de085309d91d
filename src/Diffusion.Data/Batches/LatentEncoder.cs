namespace Diffusion.Data;

/// <summary>
/// Between the raw latents of the Stability VAE, as stored, and what a latent network sees:
/// z = mean + std·n with n ~ N(0,1) drawn at every use, then z·scale + bias per channel. The draw is the caller's.
/// </summary>
/// <remarks>Karras et al., arXiv:2312.02696, appendix B: latents are brought to zero mean and standard deviation 0.5.</remarks>
public static class LatentEncoder
{
    private const float FinalMean = 0f;
    private const float FinalStd = 0.5f;
    private static readonly float[] RawMeans = [5.81f, 3.25f, 0.12f, -2.15f];
    private static readonly float[] RawStds = [4.17f, 4.62f, 3.71f, 3.28f];
    private static readonly float[] Scales = Array.ConvertAll(RawStds, std => FinalStd / std);
    private static readonly float[] Biases = [.. RawMeans.Select((mean, channel) => FinalMean - (mean * Scales[channel]))];

    /// <summary>Channels of a stored latent: four means, four standard deviations.</summary>
    public const int RawChannels = 8;

    /// <summary>Channels that the network sees.</summary>
    public const int FinalChannels = 4;

    /// <summary>Factor per final channel: 0.5 / raw standard deviation.</summary>
    public static ReadOnlySpan<float> Scale => Scales;

    /// <summary>Summand per final channel: −raw mean · scale.</summary>
    public static ReadOnlySpan<float> Bias => Biases;

    /// <summary>Separates the means from the standard deviations of a batch.</summary>
    /// <param name="raw">[n, 8, H, W] stored latents.</param>
    /// <param name="count">n.</param>
    /// <param name="means">Receives [n, 4, H, W].</param>
    /// <param name="stds">Receives [n, 4, H, W].</param>
    public static void Split(ReadOnlySpan<float> raw, int count, Span<float> means, Span<float> stds)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        int half = raw.Length / count / 2;
        if (raw.Length != count * half * 2 || half % FinalChannels != 0 || means.Length != count * half || stds.Length != count * half)
        {
            throw new ArgumentException($"{raw.Length} raw values of {count} latents do not split into {means.Length} means and {stds.Length} standard deviations of {FinalChannels} channels each.");
        }

        for (int i = 0; i < count; i++)
        {
            raw.Slice(i * 2 * half, half).CopyTo(means.Slice(i * half, half));
            raw.Slice(((i * 2) + 1) * half, half).CopyTo(stds.Slice(i * half, half));
        }
    }

    /// <summary>Applies z·scale + bias in place.</summary>
    /// <param name="latents">[n, 4, H, W] drawn latents.</param>
    /// <param name="channelElements">H·W.</param>
    public static void Normalize(Span<float> latents, int channelElements) => Apply(latents, channelElements, static (z, scale, bias) => (z * scale) + bias);

    /// <summary>Undoes <see cref="Normalize"/>: (z − bias) / scale in place.</summary>
    /// <param name="latents">[n, 4, H, W] latents from a sampler.</param>
    /// <param name="channelElements">H·W.</param>
    public static void Denormalize(Span<float> latents, int channelElements) => Apply(latents, channelElements, static (z, scale, bias) => (z - bias) / scale);

    private static void Apply(Span<float> latents, int channelElements, Func<float, float, float, float> map)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channelElements, 1);
        if (latents.Length % (channelElements * FinalChannels) != 0)
        {
            throw new ArgumentException($"{latents.Length} values are no whole number of latents of {FinalChannels} channels of {channelElements}.", nameof(latents));
        }

        for (int i = 0; i < latents.Length; i++)
        {
            int channel = i / channelElements % FinalChannels;
            latents[i] = map(latents[i], Scales[channel], Biases[channel]);
        }
    }
}
