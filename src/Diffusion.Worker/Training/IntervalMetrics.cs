using System.Globalization;
using System.Text.Json.Nodes;
using Diffusion.Model.Objectives;

namespace Diffusion.Worker.Training;

/// <summary>Means since the last line of metrics.jsonl. Names are those of EDM2's stats.jsonl, so that the same plots read both.</summary>
internal sealed class IntervalMetrics(TimeProvider time)
{
    private static readonly IReadOnlyList<NoiseBand> BandsOf = new NoiseBands().Bands;
    private readonly long started = time.GetTimestamp();
    private long intervalStarted = time.GetTimestamp();
    private ShardRecord losses;
    private double learningRateSum, gradientNormSum, dataWaitSeconds, gradientWaitSeconds;
    private long steps, skippedSteps;

    /// <summary>Adds a step.</summary>
    public void Add(in ShardRecord step, StepReport report, double gradientNorm, bool skipped)
    {
        losses.Add(step);
        steps++;
        learningRateSum += report.LearningRate;
        dataWaitSeconds += report.DataWait.TotalSeconds;
        gradientWaitSeconds += report.GradientWait.TotalSeconds;
        if (skipped)
        {
            skippedSteps++;
        }
        else
        {
            gradientNormSum += gradientNorm;
        }
    }

    /// <summary>The line, and a new interval.</summary>
    /// <param name="imagesSeen">Images seen by the run.</param>
    /// <param name="batchSize">Images per step.</param>
    public string Take(long imagesSeen, int batchSize)
    {
        double seconds = time.GetElapsedTime(intervalStarted).TotalSeconds;
        var line = new JsonObject
        {
            ["Loss/loss"] = Number(losses.MeanLoss),
            ["Loss/learning_rate"] = Number(learningRateSum / steps),
            ["Loss/gradient_norm"] = Number(gradientNormSum / (steps - skippedSteps)),
            ["Loss/skipped_steps"] = skippedSteps,
            ["images_seen"] = imagesSeen,
            ["Progress/kimg"] = imagesSeen / 1000.0,
            ["Timing/total_sec"] = time.GetElapsedTime(started).TotalSeconds,
            ["Timing/sec_per_tick"] = seconds,
            ["Timing/sec_per_kimg"] = Number(seconds / (steps * batchSize) * 1000),
            ["Timing/data_wait_share"] = Number(dataWaitSeconds / seconds),
            ["Timing/gradient_wait_share"] = Number(gradientWaitSeconds / seconds),
            ["Resources/cpu_mem_gb"] = Environment.WorkingSet / 1e9,
            ["timestamp"] = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0,
        };
        foreach (var (band, index) in BandsOf.Select((band, index) => (band, index)).Where(b => losses.ErrorCount[b.index] > 0))
        {
            line[string.Create(CultureInfo.InvariantCulture, $"Error/sigma_{band.SigmaFrom}_{band.SigmaTo}")] = Number(losses.ErrorSum[index] / losses.ErrorCount[index]);
        }

        intervalStarted = time.GetTimestamp();
        losses = default;
        (steps, skippedSteps, learningRateSum, gradientNormSum, dataWaitSeconds, gradientWaitSeconds) = (0, 0, 0, 0, 0, 0);
        return line.ToJsonString();
    }

    // JSON has no NaN; a name without values is null.
    private static JsonValue? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
