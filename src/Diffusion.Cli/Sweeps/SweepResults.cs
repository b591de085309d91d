using System.Globalization;
using System.Text;
using Diffusion.Cli.Metrics;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Sweeps;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Sweeps;

/// <summary>What a sweep leaves: tables, the best lengths with their intervals, and files.</summary>
/// <param name="run">The run.</param>
/// <param name="directory">Where files go.</param>
/// <param name="scores">All scores of the sweep.</param>
internal sealed class SweepResults(RunDirectory run, string directory, IReadOnlyList<Score> scores)
{
    private readonly string metric = scores[0].Metric;
    private readonly List<string> charts = [];

    /// <summary>The best point.</summary>
    public ScorePoint Best { get; } = ScoreGroup.Of(scores, overGuidance: true)[0].Best;

    /// <summary>Prints one table for all that compares.</summary>
    public void WriteTables()
    {
        foreach (var group in ScoreGroup.Of(scores, overGuidance: scores.Any(s => s.Guidance != scores[0].Guidance)))
        {
            Console.WriteLine();
            MetricText.WriteTable(group);
        }
    }

    /// <summary>The best length of every time and guidance weight in words, with what is said of it.</summary>
    public static string InWords(string metric, LengthEstimate? estimate, string at)
    {
        if (estimate is null)
        {
            return $"{at}: no interval of the best length; that needs five lengths at least";
        }

        string length = string.Create(CultureInfo.InvariantCulture, $"{estimate.RelativeStd:0.000}");
        string interval = string.Create(CultureInfo.InvariantCulture, $"{estimate.Low:0.000} to {estimate.High:0.000}");
        string value = $"{metric} {MetricText.Number(estimate.Value)} ({MetricText.Number(estimate.ValueLow)} to {MetricText.Number(estimate.ValueHigh)})";
        return estimate.Verdict switch
        {
            LengthVerdict.Flat => $"{at}: no length stands out; what they differ by is within the noise. {value}",
            LengthVerdict.AtShortEnd => $"{at}: best at the short end of the range, EMA length {length} (95 % interval {interval}); a shorter one may be better. {value}",
            LengthVerdict.AtLongEnd => $"{at}: best at the long end of the range, EMA length {length} (95 % interval {interval}); a longer one may be better. {value}",
            _ => $"{at}: best EMA length {length}, 95 % interval {interval}; there {value}",
        };
    }

    /// <summary>Writes CSV, JSON and charts.</summary>
    /// <returns>Their paths.</returns>
    public IReadOnlyList<string> Save()
    {
        Directory.CreateDirectory(directory);
        string csv = Path.Combine(directory, metric + ".csv");
        string json = Path.Combine(directory, metric + ".json");
        AtomicFile.WriteAllBytes(csv, Encoding.UTF8.GetBytes(ScoreExport.Csv(scores)));
        AtomicFile.WriteAllBytes(json, Encoding.UTF8.GetBytes(ScoreExport.Json(scores)));
        double[] weights = [.. scores.Select(s => s.Guidance).Distinct().Order()];
        foreach (var group in ScoreGroup.Of(scores))
        {
            string weight = weights.Length == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-guidance-{group.Best.Guidance:0.###}");
            Draw(group, $"{metric}{weight}", overGuidance: false);
        }

        if (weights.Length > 1)
        {
            foreach (var time in scores.GroupBy(s => s.ImagesSeen))
            {
                Draw(ScoreGroup.Of(time, overGuidance: true)[0], $"{metric}-over-guidance-{ImageCount.Format(time.Key)}", overGuidance: true);
            }
        }

        return [csv, json, .. charts];
    }

    private void Draw(ScoreGroup group, string name, bool overGuidance)
    {
        string title = $"{run.Name}: {SweepCharts.NameOf(metric)} over EMA length";
        Save(SweepCharts.Curves(group, title, overGuidance).Save, name);
        if (group.Points.Select(p => overGuidance ? p.Guidance : p.ImagesSeen).Distinct().Count() > 1)
        {
            Save(SweepCharts.Map(group, $"{title} and {(overGuidance ? "guidance" : "time")}", overGuidance).Save, name + "-map");
        }
    }

    private void Save(Action<string> save, string name)
    {
        foreach (string ending in new[] { ".png", ".svg" })
        {
            string path = Path.Combine(directory, name + ending);
            save(path);
            charts.Add(path);
        }
    }
}
