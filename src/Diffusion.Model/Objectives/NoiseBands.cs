namespace Diffusion.Model.Objectives;

/// <summary>Mean error of one band of noise levels.</summary>
/// <param name="SigmaFrom">Lower bound, inclusive.</param>
/// <param name="SigmaTo">Upper bound, exclusive.</param>
/// <param name="Count">Images that fell into the band.</param>
/// <param name="Mean">Mean of their errors; NaN if there were none.</param>
public readonly record struct NoiseBand(double SigmaFrom, double SigmaTo, long Count, double Mean);

/// <summary>
/// Errors sorted by noise level. One mean over all levels hides which of them still improve: at high noise the error is nearly all variance
/// of the data, at low noise nearly all fine detail.
/// </summary>
/// <remarks>Sums are float64 and additive, so bands of several machines are joined with <see cref="Add(NoiseBands)"/>. Non-finite errors are left out, and counted.</remarks>
public sealed class NoiseBands
{
    private readonly double[] bounds;
    private readonly long[] counts;
    private readonly double[] sums;

    /// <summary>Bands between the given noise levels, and one on each side of them.</summary>
    /// <param name="bounds">Ascending.</param>
    /// <exception cref="ArgumentException">Bounds are not ascending.</exception>
    public NoiseBands(params IReadOnlyList<double> bounds)
    {
        this.bounds = [.. bounds];
        if (this.bounds.Zip(this.bounds.Skip(1)).Any(pair => !(pair.First < pair.Second)))
        {
            throw new ArgumentException($"Bounds [{string.Join(", ", this.bounds)}] of noise bands must be ascending.", nameof(bounds));
        }

        counts = new long[this.bounds.Length + 1];
        sums = new double[this.bounds.Length + 1];
    }

    /// <summary>Bands about a factor of two wide where training spends its time.</summary>
    public NoiseBands()
        : this(0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
    {
    }

    /// <summary>Errors that were not finite.</summary>
    public long NonFinite { get; private set; }

    /// <summary>All bands, lowest noise first.</summary>
    public IReadOnlyList<NoiseBand> Bands =>
    [
        .. counts.Select((count, band) => new NoiseBand(
            band == 0 ? 0 : bounds[band - 1],
            band == bounds.Length ? double.PositiveInfinity : bounds[band],
            count,
            count == 0 ? double.NaN : sums[band] / count)),
    ];

    /// <summary>Adds images.</summary>
    /// <param name="sigma">Noise levels.</param>
    /// <param name="errors">Error of each image.</param>
    public void Add(ReadOnlySpan<float> sigma, ReadOnlySpan<float> errors)
    {
        for (int image = 0; image < sigma.Length; image++)
        {
            if (!float.IsFinite(errors[image]))
            {
                NonFinite++;
                continue;
            }

            int found = Array.BinarySearch(bounds, sigma[image]);
            int band = found >= 0 ? found + 1 : ~found;
            counts[band]++;
            sums[band] += errors[image];
        }
    }

    /// <summary>Adds the images of a loss.</summary>
    public void Add(LossResult loss)
    {
        using var scope = torch.NewDisposeScope();
        Add(loss.Sigma.cpu().data<float>().ToArray(), loss.ImageError.cpu().data<float>().ToArray());
    }

    /// <summary>Adds what another instance with the same bounds has seen.</summary>
    public void Add(NoiseBands other)
    {
        if (!bounds.AsSpan().SequenceEqual(other.bounds))
        {
            throw new ArgumentException("Noise bands with different bounds cannot be joined.", nameof(other));
        }

        NonFinite += other.NonFinite;
        for (int band = 0; band < counts.Length; band++)
        {
            counts[band] += other.counts[band];
            sums[band] += other.sums[band];
        }
    }

    /// <summary>Forgets everything; called after each report.</summary>
    public void Clear()
    {
        NonFinite = 0;
        Array.Clear(counts);
        Array.Clear(sums);
    }
}
