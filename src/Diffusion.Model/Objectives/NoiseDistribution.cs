namespace Diffusion.Model.Objectives;

/// <summary>The random part of one training batch.</summary>
/// <param name="Sigma">Noise level of each image, [N, 1, 1, 1] float32.</param>
/// <param name="Noise">Standard normal noise of the images' shape; images + σ·noise is what the network sees.</param>
public readonly record struct NoiseDraw(Tensor Sigma, Tensor Noise);

/// <summary>Distribution of training noise levels.</summary>
public interface INoiseDistribution
{
    /// <summary>Draws a noise level per image, then the noise, in this order.</summary>
    /// <param name="images">[N, C, H, W] float32; only shape and device are used.</param>
    /// <param name="generator">On the images' device, seeded for this step and shard.</param>
    NoiseDraw Draw(Tensor images, Generator generator);

    /// <summary>The draw that belongs to given random numbers.</summary>
    /// <param name="random">What would have been drawn for the levels, N elements.</param>
    /// <param name="noise">What would have been drawn for the noise.</param>
    NoiseDraw From(Tensor random, Tensor noise);
}

/// <summary>Options of <see cref="LogNormalNoise"/>.</summary>
public sealed record LogNormalOptions
{
    /// <summary>Mean P_mean of ln σ.</summary>
    /// <value>-0.4, EDM2's for latents; -0.8 for pixels at 64x64.</value>
    public double Mean { get; init; } = -0.4;

    /// <summary>Standard deviation P_std of ln σ.</summary>
    /// <value>1.0, EDM2's for latents; 1.6 for pixels at 64x64.</value>
    public double Std { get; init; } = 1.0;

    /// <summary>Every problem found.</summary>
    public IEnumerable<string> Problems()
    {
        if (!double.IsFinite(Mean))
        {
            yield return $"mean is {Mean}; it must be finite.";
        }

        if (Std is not (>= 0 and < double.PositiveInfinity))
        {
            yield return $"std is {Std}; it must be 0 or positive.";
        }
    }
}

/// <summary>ln σ ~ N(P_mean, P_std²) (Karras et al., arXiv:2206.00364, Table 1).</summary>
public sealed class LogNormalNoise(LogNormalOptions options) : INoiseDistribution
{
    /// <inheritdoc/>
    public NoiseDraw Draw(Tensor images, Generator generator)
    {
        var random = torch.randn([images.shape[0], 1, 1, 1], dtype: ScalarType.Float32, device: images.device, generator: generator);
        var noise = torch.randn(images.shape, dtype: ScalarType.Float32, device: images.device, generator: generator);
        return From(random, noise);
    }

    /// <inheritdoc/>
    public NoiseDraw From(Tensor random, Tensor noise) => new(random.reshape(-1, 1, 1, 1).mul(options.Std).add(options.Mean).exp(), noise);
}
