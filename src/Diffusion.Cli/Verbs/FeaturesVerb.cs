using System.CommandLine;
using System.Globalization;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Weights;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>Feature networks of one's own.</summary>
internal static class FeaturesVerb
{
    public static Command Create() => new("features", "Feature networks for metrics. Published ones are TorchScript files: see the README.") { Train() };

    private static Command Train()
    {
        var data = new Option<string?>("--data") { Description = $"Labelled images: {ImageSources.Kinds}", HelpName = "PATH" };
        var runOption = new Option<string?>("--run") { Description = "A run; its training images, and its held-out ones to test on", HelpName = "RUN" };
        var destination = new Option<string?>("--dest") { Description = "File to write [default: features.safetensors, in the run if there is one]", HelpName = "FILE" };
        var defaults = new FeatureTrainingOptions();
        var epochs = new Option<int>("--epochs") { Description = "Passes over the images", HelpName = "N", DefaultValueFactory = _ => defaults.Epochs };
        var width = new Option<int>("--width") { Description = "Channels of the first layer; twice as many features", HelpName = "N", DefaultValueFactory = _ => defaults.Width };
        var batch = new Option<int>("--batch") { Description = "Images in a step", HelpName = "N", DefaultValueFactory = _ => defaults.BatchSize };
        var rate = new Option<double>("--lr") { Description = "Largest learning rate", HelpName = "F", DefaultValueFactory = _ => defaults.LearningRate };
        var seed = new Option<long>("--seed") { Description = "Seed; the same one gives the same network", HelpName = "INT" };
        var command = new Command("train", HelpText.With(
            "Train a small network to tell a data set's classes apart, as the feature space of fd and kid where no published one is at hand. Seconds to minutes.",
            [
                "features train --run runs/shapes-16",
                "features train --data cifar-10-python.tar.gz --epochs 15 --dest cifar10.features.safetensors",
            ])) { data, runOption, destination, epochs, width, batch, rate, seed };
        command.SetAction((result, _) =>
        {
            var options = new FeatureTrainingOptions { Epochs = result.GetValue(epochs), Width = result.GetValue(width), BatchSize = result.GetValue(batch), LearningRate = result.GetValue(rate), Seed = result.GetValue(seed) };
            var run = result.GetValue(runOption) is { } path ? new RunDirectory(path) : null;
            if (run is null == result.GetValue(data) is null)
            {
                throw new ConfigurationException("Give either --data PATH or --run RUN.");
            }

            using var interruption = Interruption.BySignals();
            Train(run, result.GetValue(data), result.GetValue(destination) ?? Path.Combine(run?.Path ?? "", "features.safetensors"), options, interruption.Asked);
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static void Train(RunDirectory? run, string? data, string destination, FeatureTrainingOptions options, CancellationToken cancellationToken)
    {
        torch.set_num_threads(Environment.ProcessorCount);
        var config = run?.RequiredConfig();
        string path = config?.Data.Path ?? data!;
        string cache = run is null ? Path.Combine(RunDirectory.DefaultParent, "data", "packed") : TrainingImages.CacheOf(run);
        PackedDataset dataset;
        using (var progress = new ConsoleProgress($"Packing {path}"))
        {
            dataset = new DatasetCache(cache).Open(path, progress, cancellationToken);
        }

        using (dataset)
        {
            var selection = config is null ? new ImageSetOptions() : RunImages.Selection(config) with { MirrorX = false, UseLabels = true };
            selection = selection.HeldOut > 0 ? selection : selection with { HeldOut = Math.Max(1, dataset.Count / 10) };
            var training = new FeatureTraining(ImageSet.ForTraining(dataset, selection), ImageSet.ForEvaluation(dataset, selection), options);
            var result = training.Run(destination, new Epochs(), cancellationToken);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{destination}: {result.Space.Dimension} features, {100 * result.Accuracy:0.0} % of {result.HeldOutImages} held-out images told apart (guessing: {100 * result.Chance:0.0} %)"));
            Console.WriteLine($"feature space   {result.Space.Hash}");
        }
    }

    private sealed class Epochs : IProgress<FeatureTrainingProgress>
    {
        private readonly long started = System.Diagnostics.Stopwatch.GetTimestamp();

        public void Report(FeatureTrainingProgress value)
        {
            var elapsed = System.Diagnostics.Stopwatch.GetElapsedTime(started);
            var left = elapsed / value.Epoch * (value.Epochs - value.Epoch);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"epoch {value.Epoch} of {value.Epochs}  loss {value.Loss:0.000}  {left.TotalSeconds:0} s left"));
        }
    }
}
