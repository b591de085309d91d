using System.Globalization;
using Diffusion.Cli.Metrics;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Sweeps;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Sweeps;

/// <summary>A line for each measurement with the time that is left; on a terminal also how far the current one is.</summary>
internal sealed class SweepProgress(TimeProvider time) : IProgress<double>
{
    private long started;
    private int total;
    private bool atMost;
    private int done;

    /// <summary>Begins to count: so many measurements are to come, or at most so many.</summary>
    public void Begin(int measurements, bool upTo)
    {
        (started, total, done, atMost) = (time.GetTimestamp(), measurements, 0, upTo);
    }

    /// <summary>The current measurement's share that is done.</summary>
    public void Report(double value)
    {
        if (!Console.IsOutputRedirected)
        {
            Console.Write(string.Create(CultureInfo.InvariantCulture, $"\r  {done + 1} of {(atMost ? "at most " : "")}{total}: {100 * value:0} %{Left(done + value),-24}"));
        }
    }

    /// <summary>One is done.</summary>
    public void Done(SweepPoint point, Score score)
    {
        done++;
        string error = score.StandardError is { } e ? $" ± {MetricText.Number(e)}" : "";
        string guidance = point.Guidance == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"  guidance {point.Guidance:0.###}");
        string seeds = point.Repetition == 0 ? "" : $"  seeds from {score.FirstSeed}";
        string line = string.Create(CultureInfo.InvariantCulture, $"  {ImageCount.Kimg(point.ImagesSeen),12}  EMA {point.RelativeStd:0.000}{guidance}{seeds}  {score.Metric} {MetricText.Number(score.Value)}{error}   {done} of {(atMost ? "at most " : "")}{total}{Left(done)}");
        Console.WriteLine(Console.IsOutputRedirected ? line : $"\r{line,-100}");
    }

    private string Left(double measurements)
    {
        var elapsed = time.GetElapsedTime(started);
        if (measurements <= 0 || measurements >= total || elapsed < TimeSpan.FromSeconds(1))
        {
            return "";
        }

        var left = elapsed / measurements * (total - measurements);
        return string.Create(CultureInfo.InvariantCulture, $", {(left.TotalMinutes < 2 ? $"{Math.Ceiling(left.TotalSeconds)} s" : left.TotalHours < 2 ? $"{Math.Ceiling(left.TotalMinutes)} min" : $"{left.TotalHours:0.#} h")} left");
    }
}
