using Diffusion.Snapshots.Scores;

namespace Diffusion.Evaluation.Measuring;

/// <summary>One metric of a set of images against a reference.</summary>
/// <param name="Metric">See <see cref="MetricNames"/>.</param>
/// <param name="Value">The number; smaller is better.</param>
/// <param name="StandardError">Its standard error; null where there are too few images to tell.</param>
/// <param name="Extrapolated">What n → ∞ images would give; null where it is not known.</param>
/// <param name="Count">Images n.</param>
/// <param name="ReferenceHash">Digest of the reference.</param>
/// <param name="Space">Feature space.</param>
/// <param name="Remarks">What limits the number's meaning, as sentences.</param>
public sealed record MeasuredMetric(string Metric, double Value, double? StandardError, double? Extrapolated, long Count, string ReferenceHash, FeatureSpace Space, IReadOnlyList<string> Remarks)
{
    /// <summary>The number as it is kept.</summary>
    /// <param name="network">What made the images.</param>
    /// <param name="firstSeed">Seed of the first image.</param>
    /// <param name="measuredAt">Now.</param>
    public Score ToScore(SampledNetwork network, long firstSeed, DateTimeOffset measuredAt) =>
        network.Score(Metric, Value, StandardError, Count, ReferenceHash, measuredAt) with { FirstSeed = firstSeed, Extrapolated = Extrapolated, Features = Space };
}
