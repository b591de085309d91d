using System.CommandLine;
using System.Text.Json.Nodes;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Metrics;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Latents;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Sampling;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Snapshots.Scores;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>Samples from a network and measures them.</summary>
internal static class MetricsGenVerb
{
    public static Command Create()
    {
        var net = new Option<string>("--net") { Description = "Snapshot, or a run", HelpName = "FILE|RUN", Required = true };
        var length = new Option<double?>("--length") { Description = "EMA length, of a run", HelpName = "S" };
        var time = new Option<double?>("--at") { Description = "Snapshot time of a run in thousands of images [default: the last]", HelpName = "KIMG" };
        var guide = new Option<string?>("--gnet") { Description = "Guiding network", HelpName = "FILE" };
        var reference = new Option<string>("--ref") { Description = "Reference statistics, .safetensors or .npz", HelpName = "FILE", Required = true };
        var metrics = MetricsVerb.MetricsOption();
        var count = MetricsVerb.CountOption();
        var seed = new Option<long>("--seed") { Description = "Seed of the first image; the others follow. Published values are the lowest of --seed 0, 50000 and 100000", HelpName = "INT" };
        var batch = MetricsVerb.BatchOption();
        var features = new FeatureOptions();
        var autoencoder = LatentVerbs.Autoencoder();
        var sampler = SamplerOptions.Create();
        var command = new Command("gen", HelpText.With(
            "Sample from a network and measure the images, without writing them. Of a run, the scores are kept in it ('scores RUN'), and Ctrl-C costs little: the same command goes on.",
            [
                "metrics gen --net runs/shapes-16 --length 0.08 --ref shapes.ref.safetensors --features shapes.features --num 2000",
                "metrics gen --net network-snapshot-0131072-0.100.safetensors --ref photos.npz --features inception-2015-12-05.ts",
            ])) { net, length, time, guide, autoencoder, reference, metrics, count, seed, batch };
        features.AddTo(command);
        foreach (var setting in sampler)
        {
            command.Add(setting.Option);
        }

        command.SetAction((result, _) =>
        {
            int wanted = result.GetValue(count);
            long first = result.GetValue(seed);
            if (wanted < 2 || first < 0)
            {
                throw new ConfigurationException($"--num is {wanted} and --seed {first}; at least 2 images and a seed of 0 or more are needed.");
            }

            using var interruption = Interruption.BySignals();
            torch.set_num_threads(Environment.ProcessorCount);
            var statistics = FeatureReference.Load(result.GetRequiredValue(reference));
            var (run, path) = Network(result.GetRequiredValue(net), result.GetValue(length), result.GetValue(time), interruption.Asked);
            var device = features.Device(result);
            using var network = SnapshotNetwork.Load(path, device, interruption.Asked);
            using var guiding = result.GetValue(guide) is { } gnet ? SnapshotNetwork.Load(gnet, device, interruption.Asked) : null;
            using var decoder = SampleGrid.NeedsAutoencoder(network) ? ScriptedAutoencoder.Load(result.GetValue(autoencoder), device) : null;
            (string Key, JsonNode? Value)[] options = [.. sampler.Select(s => (s.Key, s.Value(result)))];
            var subject = SampledSnapshot.Of(path, result.GetValue(guide), decoder is null ? null : result.GetValue(autoencoder), run, options);
            var shape = GeneratedImages.ShapeOf(network);
            using var extractor = features.Open(result, shape);
            using var measurement = new ImageMeasurement(statistics, extractor, shape, MetricText.List(result.GetValue(metrics)), device);
            int size = Math.Max(1, result.GetValue(batch));
            var generated = new GeneratedImages(network, guiding, ModelParts.CreateSampler(SampledSnapshot.Sampler(path, options)), size, decoder);
            var partial = PartialFeatures.Of(run, subject, extractor, measurement, size, device);
            ImageFeatures images;
            using (var progress = new ConsoleProgress("Sampling"))
            {
                images = partial.Measure(generated, measurement, first, wanted, size, progress, interruption.Asked);
            }

            var measured = measurement.Measure(images, interruption.Asked);
            if (run is not null)
            {
                var now = TimeProvider.System.GetLocalNow();
                ScoreCatalogue.Append(run.Path, [.. measured.Select(m => m.ToScore(subject, first, now))], interruption.Asked);
                partial.Remove();
            }

            MetricText.Write(measured);
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static (RunDirectory? Run, string Path) Network(string net, double? length, double? time, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(net))
        {
            return length is not null || time is not null
                ? throw new ConfigurationException($"--length and --at choose among the snapshots of a run; --net {net} is {(File.Exists(net) ? "one snapshot. Leave them out, or give the run" : "no run directory")}.")
                : File.Exists(net) ? (null, net) : throw new ConfigurationException($"--net {net} does not exist. Give a snapshot, or a run directory with --length.");
        }

        var run = new RunDirectory(net);
        run.RequiredConfig();
        return length is { } wanted
            ? (run, RunNetwork.Get(run, wanted, time, cancellationToken))
            : throw new ConfigurationException($"--net {net} is a run: choose an EMA length with --length, e.g. --length 0.1.");
    }
}
