using System.CommandLine;
using Diffusion.Cli.Display;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;

namespace Diffusion.Cli.Verbs;

/// <summary>The dataset tool.</summary>
internal static class DatasetVerb
{
    private static readonly string[] Examples =
    [
        "dataset convert --source photos --dest photos-64.zip --transform center-crop --resolution 64x64",
        "dataset convert --source cifar-10-python.tar.gz --dest cifar.zip",
        "dataset encode --source photos-512.zip --dest latents.zip --vae vae.pt",
        "dataset info latents.zip",
    ];

    public static Command Create() => new("dataset", HelpText.With("Convert, encode, inspect and draw sets of images.", Examples)) { Convert(), LatentVerbs.Encode(), LatentVerbs.Decode(), Info(), Shapes() };

    private static Command Convert()
    {
        var source = new Option<string>("--source") { Description = $"What to read: {ImageSources.Kinds}", HelpName = "PATH", Required = true };
        var destination = new Option<string>("--dest") { Description = "Empty folder or .zip to write", HelpName = "PATH", Required = true };
        var transform = new Option<string?>("--transform") { Description = "center-crop, center-crop-wide or center-crop-dhariwal [default: plain resize]", HelpName = "MODE" };
        var resolution = new Option<string?>("--resolution") { Description = "Size of the images written, e.g. 64x64 [default: as they are]", HelpName = "WxH" };
        var most = new Option<int?>("--max-images") { Description = "Stop after this many", HelpName = "INT" };
        var grey = new Option<bool>("--keep-grey") { Description = "Keep grey images as one channel" };
        var command = new Command("convert", "Bring images to one size and write them as a folder or ZIP with dataset.json.") { source, destination, transform, resolution, most, grey };
        command.SetAction((result, cancellationToken) =>
        {
            var options = Checked(() => new ConversionOptions
            {
                Source = result.GetRequiredValue(source),
                Destination = result.GetRequiredValue(destination),
                Transform = ConversionOptions.ParseTransform(result.GetValue(transform)),
                Resolution = result.GetValue(resolution) is { } size ? ConversionOptions.ParseResolution(size) : null,
                MaxImages = result.GetValue(most),
                KeepGrey = result.GetValue(grey),
            });
            using var interruption = Processes.Interruption.BySignals();
            ConversionResult done;
            using (var progress = new ConsoleProgress("Converting"))
            {
                done = DatasetConverter.Convert(options, progress, interruption.Asked);
            }

            Console.WriteLine($"{done.Written} images of {done.Shape} in {options.Destination}, {(done.LabelDim > 0 ? $"{done.LabelDim} classes" : "no labels")}{(done.Dropped > 0 ? $"; {done.Dropped} were too small and left out" : "")}");
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static Command Info()
    {
        var path = new Argument<string>("PATH") { Description = ImageSources.Kinds + ", or a packed folder" };
        var command = new Command("info", "Show what a set of images holds. Every image is decoded, so damage is found.") { path };
        command.SetAction(result =>
        {
            string at = result.GetRequiredValue(path);
            using var interruption = Processes.Interruption.BySignals();
            if (PackedDataset.IsAt(at))
            {
                using var packed = PackedDataset.Open(at);
                using (var checking = new ConsoleProgress("Checking"))
                {
                    packed.Verify(checking, interruption.Asked);
                }

                Describe(packed.Name, packed.Count, packed.Shape, packed.Labels);
                Console.WriteLine($"packed, digest  {packed.Digest}");
                return;
            }

            using var source = ImageSources.Open(at);
            var shapes = new Dictionary<ImageShape, int>();
            using (var reading = new ConsoleProgress("Reading"))
            {
                for (int i = 0; i < source.Count; i++)
                {
                    interruption.Asked.ThrowIfCancellationRequested();
                    var shape = source.Read(i).Shape;
                    shapes[shape] = shapes.GetValueOrDefault(shape) + 1;
                    reading.Report(new ImageProgress(i + 1, source.Count));
                }
            }

            Describe(source.Name, source.Count, shapes.MaxBy(s => s.Value).Key, source.Labels);
            if (shapes.Count > 1)
            {
                Console.WriteLine($"mixed sizes     {string.Join(", ", shapes.OrderByDescending(s => s.Value).Take(5).Select(s => $"{s.Value} of {s.Key}"))}. Training needs one: run 'dataset convert' with --resolution.");
            }
        });
        return command;
    }

    private static Command Shapes()
    {
        var directory = new Argument<string>("DIR") { Description = "Folder to create" };
        var count = new Option<int>("--count") { Description = "Images, spread evenly over ten classes", HelpName = "INT", DefaultValueFactory = _ => 5000 };
        var resolution = new Option<int>("--resolution") { Description = "Side in pixels: 16, 32 or 64", HelpName = "INT", DefaultValueFactory = _ => 16 };
        var seed = new Option<long>("--seed") { Description = "Seed", HelpName = "INT" };
        var command = new Command("shapes", "Draw a toy set of images that trains in minutes: ten coloured shapes on textured ground.") { directory, count, resolution, seed };
        command.SetAction(result =>
        {
            var options = new ShapesOptions { Count = result.GetValue(count), Resolution = result.GetValue(resolution), Seed = result.GetValue(seed) };
            using var interruption = Processes.Interruption.BySignals();
            using (var progress = new ConsoleProgress("Drawing"))
            {
                ShapesDataset.Write(result.GetRequiredValue(directory), options, progress, interruption.Asked);
            }

            Console.WriteLine($"{options.Count} images of {options.Resolution}x{options.Resolution} in {result.GetRequiredValue(directory)}: {string.Join(", ", ShapesDataset.ClassNames)}");
        });
        return command;
    }

    private static void Describe(string name, int count, ImageShape shape, LabelTable labels)
    {
        Console.WriteLine($"name            {name}");
        Console.WriteLine($"images          {count} of {shape}");
        Console.WriteLine($"labels          {(labels.Dimension == 0 ? "none" : $"{labels.Dimension} {(labels.Kind == LabelKind.Class ? "classes" : "numbers each")}")}");
        if (labels.ClassNames.Count > 0)
        {
            Console.WriteLine($"classes         {string.Join(", ", labels.ClassNames.Take(20))}{(labels.ClassNames.Count > 20 ? ", ..." : "")}");
        }
    }

    private static T Checked<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (FormatException e)
        {
            throw new ConfigurationException(e.Message);
        }
    }
}
