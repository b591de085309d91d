using Diffusion.Cli.Metrics;
using Diffusion.Evaluation.Sweeps;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Sweeps;

/// <summary>Measures in this process, from the snapshots of the run's own folder.</summary>
internal sealed class LocalScoreSource(RunDirectory run, SweepMeasure measure, IProgress<double> progress) : IScoreSource
{
    private const int LengthsPerPass = 8;

    /// <summary>Where reconstructed weights lie.</summary>
    public static string PathOf(RunDirectory run, long imagesSeen, double length) => Path.Combine(run.Path, "reconstructed", SnapshotName.For(SnapshotName.PostHoc, imagesSeen, length).FileName);

    /// <summary>Makes the weights that are not there yet, those of several lengths in one pass over the snapshots.</summary>
    public static void Reconstruct(RunDirectory run, IEnumerable<(long ImagesSeen, double RelativeStd)> wanted, CancellationToken cancellationToken)
    {
        var missing = wanted.Distinct().Where(w => !File.Exists(PathOf(run, w.ImagesSeen, w.RelativeStd))).ToArray();
        if (missing.Length == 0)
        {
            return;
        }

        using var snapshots = SnapshotSet.Open(run.Snapshots);
        foreach (var time in missing.GroupBy(w => w.ImagesSeen))
        {
            foreach (var lengths in time.Select(w => w.RelativeStd).Order().Chunk(LengthsPerPass))
            {
                var plan = PostHocReconstruction.Plan(snapshots, lengths, [time.Key]);
                ReconstructionText.WriteRough(plan);
                plan.Run(Path.GetDirectoryName(PathOf(run, time.Key, lengths[0]))!, new ReconstructionOptions { VerifyInputs = true, SkipExisting = true }, cancellationToken: cancellationToken);
            }
        }
    }

    public Task MeasureAsync(IReadOnlyList<SweepPoint> points, Action<SweepPoint, Score> measured, CancellationToken cancellationToken)
    {
        Reconstruct(run, points.Select(p => (p.ImagesSeen, p.RelativeStd)), cancellationToken);
        foreach (var point in points)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var score = measure.Measure(point, PathOf(run, point.ImagesSeen, point.RelativeStd), progress, cancellationToken);
            ScoreCatalogue.Append(run.Path, [score], cancellationToken);
            measured(point, score);
        }

        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
