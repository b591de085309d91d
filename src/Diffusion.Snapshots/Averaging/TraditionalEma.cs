namespace Diffusion.Snapshots.Averaging;

/// <summary>Exponential moving average with a half-life in images and an optional ramp-up.</summary>
/// <remarks>
/// Not used by EDM2's presets. EDM (arXiv:2206.00364) uses a half-life of 0.5 million images with ratio 0.05 and passes the image count
/// <em>before</em> the step; EDM2 passes the count after it.
/// </remarks>
/// <param name="HalfLifeMillions">Half-life in millions of images, above 0; infinite to let the ramp-up alone decide.</param>
/// <param name="RampUpRatio">The half-life never exceeds this fraction of the images seen; null for no ramp-up.</param>
public readonly record struct TraditionalEma(double HalfLifeMillions = double.PositiveInfinity, double? RampUpRatio = 0.09)
{
    /// <summary>Decay β = 0.5^(Δt / h), with h = min(half-life, ratio·t).</summary>
    /// <param name="imagesSeen">Training time t, in images.</param>
    /// <param name="batchSize">Δt, in images.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="imagesSeen"/> is negative or <paramref name="batchSize"/> is not positive.</exception>
    public double Beta(long imagesSeen, long batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(imagesSeen);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        double millions = HalfLifeMillions;
        if (RampUpRatio is { } ratio)
        {
            millions = Math.Min(millions, imagesSeen / 1e6 * ratio);
        }

        // The floor keeps the very first step (half-life 0) at β = 0 instead of 0/0.
        return Math.Pow(0.5, batchSize / Math.Max(millions * 1e6, 1e-8));
    }
}
