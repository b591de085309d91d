namespace Diffusion.Snapshots.Scores;

/// <summary>One place on a curve: a network, perhaps measured several times with other seeds.</summary>
/// <param name="RunId">The run.</param>
/// <param name="ImagesSeen">Snapshot time, in images.</param>
/// <param name="RelativeStd">EMA length.</param>
/// <param name="Guidance">Guidance weight.</param>
/// <param name="Value">Mean over the repetitions.</param>
/// <param name="StandardError">Of that mean; null where a repetition has none and there are fewer than two.</param>
/// <param name="Scores">The repetitions, by seed.</param>
public sealed record ScorePoint(string RunId, long ImagesSeen, double RelativeStd, double Guidance, double Value, double? StandardError, IReadOnlyList<Score> Scores)
{
    internal static ScorePoint Of(IEnumerable<Score> repetitions)
    {
        Score[] scores = [.. repetitions.OrderBy(s => s.FirstSeed)];
        double mean = scores.Average(s => s.Value);
        return new ScorePoint(scores[0].RunId, scores[0].ImagesSeen, scores[0].RelativeStd, scores[0].Guidance, mean, ErrorOf(scores, mean), scores);
    }

    // What every repetition says about itself is better known than the scatter of two or three of them.
    private static double? ErrorOf(Score[] scores, double mean) => scores.All(s => s.StandardError is not null)
        ? Math.Sqrt(scores.Sum(s => s.StandardError!.Value * s.StandardError.Value)) / scores.Length
        : scores.Length < 2 ? null : Math.Sqrt(scores.Sum(s => (s.Value - mean) * (s.Value - mean)) / (scores.Length - 1) / scores.Length);
}

/// <summary>Scores that may be compared with each other, and no others.</summary>
/// <param name="Key">Their common <see cref="Score.ComparableKey"/>, or <see cref="Score.ComparableKeyOverGuidance"/>.</param>
/// <param name="Metric">Their metric.</param>
/// <param name="Conditions">Under what conditions they were measured, in words.</param>
/// <param name="Points">Best first.</param>
public sealed record ScoreGroup(string Key, string Metric, string Conditions, IReadOnlyList<ScorePoint> Points)
{
    /// <summary>The point of the smallest value.</summary>
    public ScorePoint Best => Points[0];

    /// <summary>Sorts scores into groups, in the order of their first member.</summary>
    /// <param name="scores">As the catalogue has them.</param>
    /// <param name="overGuidance">Whether points of different guidance weight share a group, for curves over it.</param>
    public static IReadOnlyList<ScoreGroup> Of(IEnumerable<Score> scores, bool overGuidance = false) =>
    [
        .. scores.GroupBy(s => overGuidance ? s.ComparableKeyOverGuidance : s.ComparableKey).Select(group => new ScoreGroup(
            group.Key,
            group.First().Metric,
            group.First().Conditions,
            [.. group.GroupBy(s => (s.RunId, s.ImagesSeen, s.RelativeStd, s.Guidance)).Select(ScorePoint.Of).OrderBy(p => p.Value).ThenBy(p => p.ImagesSeen).ThenBy(p => p.RelativeStd)])),
    ];
}
