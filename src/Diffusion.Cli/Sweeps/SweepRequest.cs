using Diffusion.Evaluation.Sweeps;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Sweeps;

/// <summary>What a sweep is to measure, checked.</summary>
internal sealed record SweepRequest
{
    public required string Metric { get; init; }

    public required bool Search { get; init; }

    /// <summary>Ascending; of a search, its ends.</summary>
    public required double[] Lengths { get; init; }

    public required double[] Guidances { get; init; }

    public required int Images { get; init; }

    public required int Repeats { get; init; }

    public required int Budget { get; init; }

    public required int Draws { get; init; }

    public required long Seed { get; init; }

    /// <summary>A loss has its noise fixed: other seeds would be another metric.</summary>
    public LengthSearchOptions SearchOptions => new() { Low = Lengths[0], High = Lengths[^1], MaxEvaluations = Budget, MayRepeat = Metric != MetricNames.HeldOutLoss };
}
