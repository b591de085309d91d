using System.Runtime.InteropServices;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Costs;
using Diffusion.Model.Networks;
using Diffusion.Native;

namespace Diffusion.Gpu;

/// <summary>Whole training steps of a preset on random latents: data, forward, backward, optimizer, averages.</summary>
internal static class StepMeasurement
{
    private const int Classes = 1000;
    private const int WarmUp = 5;

    public static IEnumerable<CheckResult> Run(Options options)
    {
        string device = options.Device, preset = options["preset", "edm2-img512-xs"];
        int steps = options.Number("steps", 15);
        var precision = options.Precisions[0];
        using var data = CheckData.Latents(64, Classes);
        double rate = MatrixRate.Measure(device, precision switch { ComputePrecision.BFloat16 => MatrixFormat.BFloat16, ComputePrecision.Float16 => MatrixFormat.Float16, _ => MatrixFormat.Float32 });
        double operations = 3 * 2.0 * NetworkEstimate.Of(NetworkPresets.Get(preset)).Operations.Total;
        foreach (string text in options["batches", "8,32,max"].Split(','))
        {
            int batch = text == "max" ? 64 : int.TryParse(text, out int asked) && asked > 0 ? asked : throw new ConfigurationException($"--batches {text}: numbers of images and max, separated by commas.");
            while (true)
            {
                var (result, fits) = Measure(options, data, device, preset, precision, batch, steps, rate, operations);
                if (fits || text != "max")
                {
                    yield return result;
                }

                if (text != "max" || !fits)
                {
                    break;
                }

                batch *= 2;
            }
        }
    }

    private static (CheckResult Result, bool Fits) Measure(
        Options options, CheckData data, string device, string preset, ComputePrecision precision, int batch, int steps, double rate, double operations)
    {
        string name = $"{preset}, {Options.NameOf(precision)}, batch {batch}";
        try
        {
            double[] seconds = [.. Training.Run(Config(options, preset, precision, batch, steps + WarmUp), data.Images, device).Seconds.Skip(WarmUp).Order()];
            double median = seconds[seconds.Length / 2];
            return (new CheckResult(name, Verdict.Measured, FormattableString.Invariant(
                $"{1e3 * median:F1} ms/step\t{batch / median:F1} images/s\t{GpuMemory.UsedBytes(device) / 1e9:F1} GB\t{100 * operations * batch / median / rate:F1} % of {rate / 1e12:G3} TFLOP/s")), true);
        }
        catch (ExternalException e) when (DeviceMemory.IsExhausted(e))
        {
            return (new CheckResult(name, Verdict.Measured, "does not fit into the device's memory"), false);
        }
        catch (InvalidOperationException e) when (e.Message.Contains(DeviceMemory.ExhaustedMark, StringComparison.Ordinal))
        {
            return (new CheckResult(name, Verdict.Measured, "does not fit into the device's memory"), false);
        }
    }

    private static RunConfig Config(Options options, string preset, ComputePrecision precision, int batch, int steps)
    {
        var config = RunPresets.Get(preset);
        return config with
        {
            Shards = 1,
            Data = config.Data with { HeldOut = 0 },
            Training = config.Training with
            {
                BatchSize = batch, DurationImages = (long)steps * batch, StatusImages = 0, SnapshotImages = 0, CheckpointImages = 0, Precision = precision,
                GradientSum = options["sum", "fast"] == "exact" ? GradientSum.Exact : GradientSum.Fast, ThreadsPerRank = Math.Min(256, Environment.ProcessorCount),
            },
        };
    }
}
