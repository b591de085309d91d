namespace Diffusion.Evaluation.Distances;

/// <summary>A Fréchet distance of n images, with what is known about its error.</summary>
/// <param name="Value">The distance of all n images.</param>
/// <param name="StandardError">Of <paramref name="Value"/>, by leaving out an eighth of the images in turn (delete-a-group jackknife); null for fewer than 16 images.</param>
/// <param name="Extrapolated">The distance that n → ∞ images of the same network would have; null where n is too small to tell.</param>
/// <param name="ExtrapolatedError">Standard error of <paramref name="Extrapolated"/>: that of the value, and what the fit misses.</param>
/// <param name="Sizes">The sizes, and the mean distance of disjoint subsets of each, that the extrapolation rests on.</param>
/// <remarks>
/// A finite n biases the distance upwards by nearly c/n with a c that depends on the network (Chong and Forsyth, arXiv:1911.07023), so two networks compared at
/// one n may be in the wrong order. The line is fitted over 1/n to n, n/2, n/4 and n/8 images, each the mean of the disjoint subsets there are, as far as a subset has
/// <see cref="FrechetEstimator.VectorsPerFeature"/> times as many images as there are features: below that the bias is no longer proportional to 1/n.
/// </remarks>
public sealed record FrechetEstimate(double Value, double? StandardError, double? Extrapolated, double? ExtrapolatedError, IReadOnlyList<(long Count, double Mean)> Sizes);

/// <summary>Estimates Fréchet distances to one reference.</summary>
public sealed class FrechetEstimator
{
    /// <summary>Images per feature that a subset must have to take part in the extrapolation.</summary>
    public const int VectorsPerFeature = 4;

    // Eight divides into halves and quarters, and eight values are enough for an error.
    private const int Groups = 8;

    private readonly FrechetDistance distance;

    /// <summary>Distances to one distribution.</summary>
    public FrechetEstimator(FeatureDistribution reference) => distance = new FrechetDistance(reference);

    /// <summary>Estimates the distance of a set of images.</summary>
    /// <param name="features">[n, D], in the order of their seeds: image i belongs to group i mod 8.</param>
    /// <param name="dimension">D.</param>
    /// <param name="cancellationToken">Checked between distances.</param>
    /// <exception cref="ArgumentException">The features do not fit the reference, or there are fewer than two vectors.</exception>
    public FrechetEstimate Estimate(ReadOnlySpan<float> features, int dimension, CancellationToken cancellationToken = default)
    {
        FeatureStatistics[] groups = [.. Enumerable.Range(0, Groups).Select(_ => new FeatureStatistics(dimension))];
        for (int i = 0; i * dimension < features.Length; i++)
        {
            groups[i % Groups].Add(features.Slice(i * dimension, dimension));
        }

        double value = Of(groups);
        if (groups[^1].Count < 2)
        {
            return new FrechetEstimate(value, null, null, null, [(groups.Sum(g => g.Count), value)]);
        }

        // One group left out at a time; the others keep their order.
        double[] without = [.. Enumerable.Range(0, Groups).Select(left => Of(groups.Where((_, g) => g != left)))];
        var sizes = Sizes(groups, dimension, value);
        double? extrapolated = sizes.Count < 2 ? null : Intercept(sizes);
        double? error = Jackknife(without);
        return new FrechetEstimate(value, error, extrapolated, extrapolated is null ? null : ExtrapolatedError(sizes, error), sizes);

        double Of(IEnumerable<FeatureStatistics> parts)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return distance.From(Sum(parts, dimension).Distribution());
        }
    }

    private static FeatureStatistics Sum(IEnumerable<FeatureStatistics> parts, int dimension)
    {
        var total = new FeatureStatistics(dimension);
        foreach (var part in parts)
        {
            total.Merge(part);
        }

        return total;
    }

    private List<(long Count, double Mean)> Sizes(FeatureStatistics[] groups, int dimension, double value)
    {
        var sizes = new List<(long Count, double Mean)> { (groups.Sum(g => g.Count), value) };
        for (int subset = Groups / 2; subset >= 1 && groups[^1].Count * subset >= (long)VectorsPerFeature * dimension; subset /= 2)
        {
            var parts = groups.Chunk(subset).Select(chunk => Sum(chunk, dimension)).ToArray();
            sizes.Add(((long)Math.Round(parts.Average(part => part.Count)), parts.Average(part => distance.From(part.Distribution()))));
        }

        return sizes;
    }

    // The line's height at 1/n = 0.
    private static double Intercept(List<(long Count, double Mean)> sizes)
    {
        double meanX = sizes.Average(s => 1.0 / s.Count);
        double meanY = sizes.Average(s => s.Mean);
        double slope = sizes.Sum(s => ((1.0 / s.Count) - meanX) * (s.Mean - meanY)) / sizes.Sum(s => ((1.0 / s.Count) - meanX) * ((1.0 / s.Count) - meanX));
        return meanY - (slope * meanX);
    }

    private static double Jackknife(double[] without)
    {
        double mean = without.Average();
        return Math.Sqrt((without.Length - 1.0) / without.Length * without.Sum(v => (v - mean) * (v - mean)));
    }

    // The images are the same at every size, so the line moves with the value; what the fit misses comes on top.
    private static double ExtrapolatedError(List<(long Count, double Mean)> sizes, double? error)
    {
        double intercept = Intercept(sizes);
        var (count, value) = sizes[0];
        double slope = (value - intercept) * count;
        double misfit = Math.Sqrt(sizes.Average(s => Math.Pow(s.Mean - intercept - (slope / s.Count), 2)));
        return Math.Sqrt(((error ?? 0) * (error ?? 0)) + (misfit * misfit));
    }
}
