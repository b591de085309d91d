using Diffusion.Evaluation.Sweeps;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Sweeps;

/// <summary>Where the numbers of a sweep come from when the catalogue lacks them.</summary>
internal interface IScoreSource : IAsyncDisposable
{
    /// <summary>Measures points; each score is in the run's catalogue before it is told.</summary>
    /// <param name="points">Points without a score, in the order in which they are wanted.</param>
    /// <param name="measured">Told every point as it is done, one after another.</param>
    /// <param name="cancellationToken">Ends it; what was told stays.</param>
    Task MeasureAsync(IReadOnlyList<SweepPoint> points, Action<SweepPoint, Score> measured, CancellationToken cancellationToken);
}
