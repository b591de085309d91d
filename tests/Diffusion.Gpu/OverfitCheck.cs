using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Gpu;

/// <summary>A network that sees the same ten images over and over learns them by heart, in every number format alike.</summary>
internal static class OverfitCheck
{
    /// <summary>Mean loss of the last steps that float32 and bfloat16 on the processor fall well below (-0.87 after 300 steps); it begins above 2.</summary>
    private const double StatedLoss = -0.9, StatedSoon = -0.6;
    private const int LastSteps = 100, AllSteps = 1500;

    public static IEnumerable<CheckResult> Run(Options options)
    {
        int steps = Math.Max(2 * LastSteps, options.Number("steps", AllSteps));
        string device = options.Device;
        double stated = steps < AllSteps ? StatedSoon : StatedLoss;
        using var data = CheckData.Shapes(10, 16);
        foreach (var precision in options.Precisions)
        {
            string name = $"ten images by heart, {Options.NameOf(precision)}";
            if (precision == ComputePrecision.Float16 && device == "cpu")
            {
                yield return new CheckResult(name, Verdict.Skipped, "the processor has no float16 arithmetic");
                continue;
            }

            var losses = Training.Run(Config(steps, precision), data.Images, device).Losses;
            double last = losses.TakeLast(LastSteps).Average();
            yield return new CheckResult(
                name,
                last < stated ? Verdict.Passed : Verdict.Failed,
                FormattableString.Invariant($"loss {losses.Take(LastSteps / 10).Average():F3} at first, {last:F3} in the last {LastSteps} of {steps} steps; stated: below {stated}"));
        }
    }

    private static RunConfig Config(int steps, ComputePrecision precision) => new()
    {
        Seed = 5,
        Shards = 1,
        Data = new DataConfig { HeldOut = 0 },
        Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 16), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(8)), ("channelsPerHead", 16)),
        Noise = ComponentConfig.Of("log-normal", ("mean", -0.8), ("std", 1.4)),
        Training = new TrainingConfig { BatchSize = 16, DurationImages = 16L * steps, LearningRate = 0.02, DecayBatches = 400, RampUpImages = 160, StatusImages = 0, SnapshotImages = 0, CheckpointImages = 0, Precision = precision },
    };
}
