using System.CommandLine;
using Diffusion.Cli.Display;
using Diffusion.Cli.Metrics;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Weights;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>Distances between sets of images.</summary>
internal static class MetricsVerb
{
    private const int DefaultCount = 50_000;

    public static Command Create() => new("metrics", "Measure how far images are from a data set: Fréchet (fd; FID with Inception's features), kernel (kid) and sliced Wasserstein (swd) distance.")
    {
        Reference(),
        Calculate(),
        MetricsGenVerb.Create(),
    };

    internal static Option<string?> MetricsOption() => new("--metrics") { Description = "fd, kid, swd [default: all that the reference and --features serve]", HelpName = "LIST" };

    internal static Option<int> CountOption() => new("--num") { Description = "Images; published values use 50000, and only equal numbers compare", HelpName = "N", DefaultValueFactory = _ => DefaultCount };

    internal static Option<int> BatchOption() => new("--batch") { Description = "Images at once", HelpName = "N", DefaultValueFactory = _ => 64 };

    private static Command Reference()
    {
        var data = new Option<string>("--data") { Description = $"Images to compare with: a run (its training images), {ImageSources.Kinds}", HelpName = "PATH|RUN", Required = true };
        var destination = new Option<string>("--dest") { Description = "File to write: .safetensors (everything, with a digest), or .npz (mu and sigma)", HelpName = "FILE", Required = true };
        var batch = BatchOption();
        var features = new FeatureOptions();
        var command = new Command("ref", HelpText.With(
            "Make reference statistics of a data set. Without --features for swd alone.",
            [
                "metrics ref --data runs/shapes-16 --features shapes.features --dest shapes.ref.safetensors",
                "metrics ref --data photos.zip --features inception-2015-12-05.ts --dest photos.npz",
                "metrics ref --data photos.zip --features dinov2-vitl14.ts --features-input imagenet-224 --dest photos.ref.safetensors",
            ])) { data, destination, batch };
        features.AddTo(command);
        command.SetAction((result, _) =>
        {
            string path = result.GetRequiredValue(destination);
            FeatureReference.RequireEnding(path);
            if (path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase) && !features.Given(result))
            {
                throw new ConfigurationException("--dest: an .npz holds mu and sigma, which need --features FILE. Give one, or write .safetensors.");
            }

            using var interruption = Interruption.BySignals();
            torch.set_num_threads(Environment.ProcessorCount);
            using var images = MeasuredImages.Open(result.GetRequiredValue(data), interruption.Asked);
            ReferenceBuilder.RequirePixels(images.Set);
            using var network = features.Open(result, images.Set.Shape);
            FeatureReference reference;
            using (var progress = new ConsoleProgress("Measuring"))
            {
                reference = ReferenceBuilder.Build(images.Set, network, images.Source, Math.Max(1, result.GetValue(batch)), progress, interruption.Asked);
            }

            reference.Save(path);
            Console.WriteLine($"{path}: {reference.Count} images of {reference.Shape} from {reference.Source}, for {string.Join(", ", FeatureReference.Load(path).Metrics)}{(network is null ? "" : $"; features {network.Space}")}");
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static Command Calculate()
    {
        var images = new Option<string>("--images") { Description = $"Images to measure: {ImageSources.Kinds}", HelpName = "DIR|ZIP", Required = true };
        var reference = new Option<string>("--ref") { Description = "Reference statistics, .safetensors or .npz", HelpName = "FILE", Required = true };
        var metrics = MetricsOption();
        var count = CountOption();
        var seed = new Option<long>("--seed") { Description = "Chooses a subset where there are more images than --num", HelpName = "INT" };
        var batch = BatchOption();
        var features = new FeatureOptions();
        var command = new Command("calc", HelpText.With(
            "Measure images that lie in a folder or ZIP.",
            [
                "metrics calc --images samples/ --ref shapes.ref.safetensors --features shapes.features --num 2000",
                "metrics calc --images samples.zip --ref photos.npz --features inception-2015-12-05.ts",
            ])) { images, reference, metrics, count, seed, batch };
        features.AddTo(command);
        command.SetAction((result, _) =>
        {
            int wanted = result.GetValue(count);
            using var interruption = Interruption.BySignals();
            torch.set_num_threads(Environment.ProcessorCount);
            var statistics = FeatureReference.Load(result.GetRequiredValue(reference));
            using var opened = MeasuredImages.Open(result.GetRequiredValue(images), interruption.Asked, wanted, result.GetValue(seed));
            if (opened.Set.Count < wanted)
            {
                throw new ConfigurationException($"--images holds {opened.Set.Count} images, --num is {wanted}. Give --num {opened.Set.Count}, or more images; values of different n do not compare.");
            }

            ReferenceBuilder.RequirePixels(opened.Set);
            using var network = features.Open(result, opened.Set.Shape);
            using var measurement = new ImageMeasurement(statistics, network, opened.Set.Shape, MetricText.List(result.GetValue(metrics)), features.Device(result));
            MetricText.Write(measurement.Measure(Extract(measurement, opened.Set, Math.Max(1, result.GetValue(batch)), interruption.Asked), interruption.Asked));
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static ImageFeatures Extract(ImageMeasurement measurement, ImageSet images, int batch, CancellationToken cancellationToken)
    {
        using var progress = new ConsoleProgress("Measuring");
        var parts = new List<ImageFeatures>();
        for (int first = 0; first < images.Count; first += batch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int size = Math.Min(batch, images.Count - first);
            parts.Add(measurement.Extract(first, ReferenceBuilder.PixelsOf(images, first, size)));
            progress.Report(new ImageProgress(first + size, images.Count));
        }

        return ImageFeatures.Merge(parts);
    }
}

/// <summary>Images that a user named: of a run, or by their path.</summary>
internal sealed class MeasuredImages : IDisposable
{
    private readonly PackedDataset dataset;

    private MeasuredImages(PackedDataset dataset, ImageSet set, string source)
    {
        this.dataset = dataset;
        (Set, Source) = (set, source);
    }

    public ImageSet Set { get; }

    public string Source { get; }

    /// <param name="pathOrRun">A run directory stands for the images it trained on, without mirrors.</param>
    /// <param name="cancellationToken">Ends packing.</param>
    /// <param name="most">Keep a random subset of this many.</param>
    /// <param name="seed">Seed of that choice.</param>
    public static MeasuredImages Open(string pathOrRun, CancellationToken cancellationToken, int? most = null, long seed = 0)
    {
        var run = new RunDirectory(pathOrRun);
        var config = run.SavedConfig();
        string path = config?.Data.Path ?? pathOrRun;
        string cache = config is null ? Path.Combine(RunDirectory.DefaultParent, "data", "packed") : TrainingImages.CacheOf(run);
        PackedDataset dataset;
        using (var progress = new ConsoleProgress($"Packing {path}"))
        {
            dataset = new DatasetCache(cache).Open(path, progress, cancellationToken);
        }

        var selection = config is null ? new ImageSetOptions { MaxSize = most, RandomSeed = seed } : RunImages.Selection(config) with { MirrorX = false };
        return new MeasuredImages(dataset, ImageSet.ForTraining(dataset, selection), config is null ? dataset.Name : $"training images of {run.Name}");
    }

    public void Dispose() => dataset.Dispose();
}
