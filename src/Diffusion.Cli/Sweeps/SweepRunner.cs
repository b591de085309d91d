using Diffusion.Evaluation.Sweeps;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Sweeps;

/// <summary>Fills grids and searches: what the run's catalogue has is not measured again.</summary>
internal sealed class SweepRunner(RunDirectory run, SweepMeasure measure, IScoreSource source, SweepProgress progress)
{
    /// <summary>Scores of all points, in their order.</summary>
    public async Task<IReadOnlyList<Score>> FillAsync(IReadOnlyList<SweepPoint> points, CancellationToken cancellationToken)
    {
        var scores = Known(points);
        var missing = points.Where(p => !scores.ContainsKey(p)).ToArray();
        Console.WriteLine($"{points.Count} measurements{(missing.Length < points.Count ? $", {points.Count - missing.Length} of them known already" : "")}");
        progress.Begin(missing.Length, upTo: false);
        await MeasureAsync(missing, scores, cancellationToken);
        return [.. points.Select(p => scores[p])];
    }

    /// <summary>The search for the best length at one time and guidance weight, to its end.</summary>
    public async Task<LengthSearch> SearchAsync(SweepPoint at, LengthSearchOptions options, CancellationToken cancellationToken)
    {
        var search = new LengthSearch(options, Comparable(at));
        if (search.Measurements.Count > 0)
        {
            Console.WriteLine($"{search.Measurements.Count} measurements between {options.Low:0.0##} and {options.High:0.0##} are known already");
        }

        progress.Begin(options.MaxEvaluations, upTo: true);
        for (var next = search.Next(); next.Count > 0; next = search.Next())
        {
            SweepPoint[] points = [.. next.Select(p => at with { RelativeStd = p.RelativeStd, Repetition = p.Repetition })];
            var scores = new Dictionary<SweepPoint, Score>();
            await MeasureAsync(points, scores, cancellationToken);
            foreach (var point in points)
            {
                search.Add(new LengthMeasurement(point.RelativeStd, point.Repetition, scores[point].Value, scores[point].StandardError));
            }
        }

        return search;
    }

    private async Task MeasureAsync(SweepPoint[] points, Dictionary<SweepPoint, Score> scores, CancellationToken cancellationToken)
    {
        if (points.Length == 0)
        {
            return;
        }

        await source.MeasureAsync(points, (point, score) =>
        {
            scores[point] = score;
            progress.Done(point, score);
        }, cancellationToken);
    }

    private Dictionary<SweepPoint, Score> Known(IReadOnlyList<SweepPoint> points)
    {
        var byIdentity = ScoreCatalogue.Read(run.Path).ToDictionary(s => s.Identity, StringComparer.Ordinal);
        return points.Select(p => (Point: p, Score: byIdentity.GetValueOrDefault(measure.Expected(p).Identity))).Where(p => p.Score is not null).ToDictionary(p => p.Point, p => p.Score!);
    }

    // Everything of this time and under these conditions, whoever measured it; sets of seeds are numbered as they would be here.
    private IEnumerable<LengthMeasurement> Comparable(SweepPoint at)
    {
        var expected = measure.Expected(at);
        foreach (var score in ScoreCatalogue.Read(run.Path).Where(s => s.ComparableKey == expected.ComparableKey && s.RunId == expected.RunId && s.ImagesSeen == expected.ImagesSeen))
        {
            long ahead = score.FirstSeed - expected.FirstSeed;
            if (ahead >= 0 && ahead % expected.Count == 0)
            {
                yield return new LengthMeasurement(score.RelativeStd, (int)(ahead / expected.Count), score.Value, score.StandardError);
            }
        }
    }
}
