using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Gpu;

/// <summary>One rank and two, both on the device, end with the same bits; and one rank does so twice.</summary>
internal static class RanksCheck
{
    public static IEnumerable<CheckResult> Run(Options options)
    {
        int steps = options.Number("steps", 12);
        string device = options.Device;
        using var data = CheckData.Shapes(40, 16);
        foreach (var precision in options.Precisions)
        {
            string name = $"1 and 2 ranks, {Options.NameOf(precision)}";
            if (precision == ComputePrecision.Float16 && device == "cpu")
            {
                yield return new CheckResult(name, Verdict.Skipped, "the processor has no float16 arithmetic");
                continue;
            }

            var config = Config(steps, precision);
            var alone = Training.Run(config, data.Images, device);
            var again = Training.Run(config, data.Images, device);
            var both = Training.Run(config, data.Images, device, ranks: 2);
            yield return alone.Digest != again.Digest
                ? new CheckResult(name, Verdict.Failed, $"one rank ends with {alone.Digest[..12]} and, repeated, with {again.Digest[..12]} after {steps} steps")
                : new CheckResult(name, alone.Digest == both.Digest ? Verdict.Passed : Verdict.Failed, $"{alone.Digest[..12]} and {both.Digest[..12]} after {steps} steps");
        }
    }

    private static RunConfig Config(int steps, ComputePrecision precision) => new()
    {
        Seed = 3,
        Shards = 4,
        Data = new DataConfig { HeldOut = 8 },
        Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 16), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(8)), ("channelsPerHead", 16), ("dropout", 0.1)),
        Training = new TrainingConfig { BatchSize = 8, DurationImages = 8L * steps, LearningRate = 0.01, RampUpImages = 0, StatusImages = 0, SnapshotImages = 0, CheckpointImages = 0, Precision = precision },
    };
}
