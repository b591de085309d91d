using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Measuring;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Metrics;

/// <summary>Metrics and scores in words.</summary>
internal static class MetricText
{
    /// <summary>A list of metrics as a command line has it; null for all.</summary>
    /// <exception cref="ConfigurationException">A name is empty.</exception>
    public static IReadOnlyList<string>? List(string? text) => text?.Split(',', StringSplitOptions.TrimEntries) is not { } names ? null
        : names.All(n => n.Length > 0) ? names : throw new ConfigurationException($"--metrics '{text}': write names with commas between them, as in fd,kid.");

    /// <summary>Prints measured numbers, each with what limits its meaning.</summary>
    public static void Write(IEnumerable<MeasuredMetric> metrics)
    {
        foreach (var metric in metrics)
        {
            string error = metric.StandardError is { } e ? $" ± {Number(e)}" : "";
            Console.WriteLine($"{metric.Metric,-4} {Number(metric.Value)}{error}   n = {metric.Count}, reference {metric.ReferenceHash[..8]}, features {metric.Space.Name} {metric.Space.Hash[..8]}");
            foreach (string remark in metric.Remarks)
            {
                Console.WriteLine($"     {remark}");
            }
        }
    }

    /// <summary>Five digits: enough for any metric, none of them noise alone.</summary>
    public static string Number(double value) => value.ToString("G5", CultureInfo.InvariantCulture);

    /// <summary>Prints scores that may be compared, best first.</summary>
    public static void WriteTable(ScoreGroup group)
    {
        Console.WriteLine(group.Conditions);
        Console.WriteLine($"{"snapshot",14}  {"EMA",7}  {group.Metric,10}  {"95 % interval",-22}  {"n → ∞",10}");
        foreach (var point in group.Points)
        {
            Console.WriteLine(Line(point));
        }
    }

    private static string Line(ScorePoint point) => string.Create(CultureInfo.InvariantCulture,
        $"{ImageCount.Kimg(point.ImagesSeen),14}  {point.RelativeStd,7:0.000}  {Number(point.Value),10}  {Interval(point),-22}  {Limit(point),10}{(point.Guidance == 1 ? "" : $"  guidance {point.Guidance:0.###}")}{(point.Scores.Count > 1 ? $"  {point.Scores.Count} seeds" : "")}");

    private static string Interval(ScorePoint point) => point.StandardError is { } e ? $"{Number(point.Value - (1.96 * e))} to {Number(point.Value + (1.96 * e))}" : "";

    private static string Limit(ScorePoint point) => point.Scores.All(s => s.Extrapolated is not null) ? Number(point.Scores.Average(s => s.Extrapolated!.Value)) : "";
}
