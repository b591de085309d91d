using System.CommandLine;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Latents;
using Diffusion.Evaluation.Sampling;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Model.Sampling;
using Diffusion.Snapshots.Safetensors;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>Images from a snapshot.</summary>
internal static class SampleVerb
{
    private const int MostProcesses = 256;
    private const string Remark = "Images that are there already are not drawn again, so the same command goes on where it was stopped.";

    private static readonly string[] Examples =
    [
        "sample --net SNAPSHOT --grid grid.png --seeds 0-63",
        "sample --net SNAPSHOT --outdir images --seeds 0-49999 --subdirs --processes 4",
        "sample --net SNAPSHOT --outdir images --seeds 0-49999 --subdirs --part 2/8    (box 2 of 8 that share the folder)",
        "sample --net SNAPSHOT --gnet GUIDE --guidance 2 --class 3 --outdir images",
        "sample --net LATENT_SNAPSHOT --vae vae.pt --outdir images",
    ];

    public static Command Create()
    {
        var net = new Option<string>("--net") { Description = "Snapshot to sample from", HelpName = "FILE", Required = true };
        var guide = new Option<string?>("--gnet") { Description = "Guiding network", HelpName = "FILE" };
        var autoencoder = LatentVerbs.Autoencoder();
        var output = new Option<string?>("--outdir") { Description = "Folder for one PNG per seed", HelpName = "DIR" };
        var grid = new Option<string?>("--grid") { Description = "One PNG with all images side by side", HelpName = "FILE" };
        var subdirectories = new Option<bool>("--subdirs") { Description = "A folder per 1000 seeds" };
        var seeds = new Option<string>("--seeds") { Description = "Seeds, e.g. 1,2,5-10", HelpName = "LIST", DefaultValueFactory = _ => "0-63" };
        var label = new Option<int?>("--class") { Description = "Class of every image [default: drawn by the seed]", HelpName = "INT" };
        var batch = new Option<int>("--batch") { Description = "Images at once", HelpName = "INT", DefaultValueFactory = _ => 32 };
        var device = new Option<string>("--device") { Description = DeviceOption.Forms, HelpName = "NAME", DefaultValueFactory = _ => "auto" };
        var tf32 = new Option<bool>("--tf32") { Description = DeviceOption.Tf32 };
        var processes = new Option<int>("--processes") { Description = "Processes of this box that share the job", HelpName = "INT", DefaultValueFactory = _ => 1 };
        var part = new Option<string?>("--part") { Description = "Only part i of N of the seeds, for boxes that share a folder", HelpName = "i/N" };
        var threads = new Option<int?>("--threads") { Hidden = true };
        var supervised = new Option<bool>("--supervised") { Hidden = true };
        var sampler = SamplerOptions.Create();
        var command = new Command("sample", HelpText.With("Sample images from a snapshot, one seed each.", Examples, Remark)) { net, guide, autoencoder, output, grid, subdirectories, seeds, label, batch, device, tf32, processes, part, threads, supervised };
        foreach (var setting in sampler)
        {
            command.Add(setting.Option);
        }

        command.SetAction(async (result, _) =>
        {
            var request = new Request
            {
                Net = Existing("--net", result.GetRequiredValue(net)),
                Guide = result.GetValue(guide) is { } path ? Existing("--gnet", path) : null,
                Autoencoder = result.GetValue(autoencoder),
                Directory = result.GetValue(output),
                Grid = result.GetValue(grid),
                Subdirectories = result.GetValue(subdirectories),
                Seeds = Lists.Seeds("--seeds", result.GetValue(seeds)!),
                Class = result.GetValue(label),
                Batch = Math.Max(1, result.GetValue(batch)),
                Device = result.GetValue(device)!,
                Tf32 = result.GetValue(tf32),
                Processes = result.GetValue(processes),
                Part = result.GetValue(part) is { } text ? ParsePart(text) : (1, 1),
                Threads = result.GetValue(threads) ?? Environment.ProcessorCount,
                Sampler = [.. sampler.Select(s => (s.Key, s.Value(result))).Where(s => s.Item2 is not null)],
            };
            Require(request);
            using var interruption = result.GetValue(supervised) ? Interruption.BySupervisor(Console.In, TimeSpan.Zero) : Interruption.BySignals();
            var folder = request.Directory is null ? null : SampleFolder.Open(request.Directory, JobOf(request), request.Subdirectories);
            IReadOnlyList<DecodedImage> drawn = [];
            if (request.Processes > 1)
            {
                // Only the parent divides the work and puts the grid together.
                string[] own = [processes.Name, grid.Name];
                string[] arguments = [.. Without(result.Tokens.Select(t => t.Value), own)];
                await SampleProcesses.RunAsync(arguments, request.Processes, folder!, request.Seeds, interruption.Asked);
            }
            else
            {
                drawn = Draw(request, folder, interruption.Asked);
            }

            WriteGrid(request, folder, drawn);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Require(Request request)
    {
        if (request.Directory is null && request.Grid is null)
        {
            throw new ConfigurationException("Give --outdir DIR for one file per image, --grid FILE for all in one, or both.");
        }

        if (request.Processes is < 1 or > MostProcesses)
        {
            throw new ConfigurationException($"--processes is {request.Processes}; 1 to {MostProcesses} can share a job.");
        }

        bool shared = request.Processes > 1 || request.Part.Count > 1;
        if (shared && request.Directory is null)
        {
            throw new ConfigurationException("Processes and boxes share a folder: give --outdir DIR with --processes or --part.");
        }

        if (request.Part.Count > 1 && (request.Processes > 1 || request.Grid is not null))
        {
            throw new ConfigurationException("--part draws a part of the images in one process; leave out --processes and --grid. When all parts are there, the same command without --part only makes the grid.");
        }
    }

    // Keeps the images in memory only where there is no folder to read them from.
    private static List<DecodedImage> Draw(Request request, SampleFolder? folder, CancellationToken cancellationToken)
    {
        var mine = SeedBatches.Split([.. request.Seeds.Distinct()], request.Batch, request.Part.Count)[request.Part.Index - 1].SelectMany(b => b).ToArray();
        var wanted = folder?.Missing(mine) ?? request.Seeds;
        if (wanted.Count < mine.Length)
        {
            Console.WriteLine($"{mine.Length - wanted.Count} of {mine.Length} images are there already");
        }

        var drawn = new List<DecodedImage>();
        if (wanted.Count == 0)
        {
            return drawn;
        }

        torch.set_num_threads(request.Threads);
        var device = DeviceOption.Read(request.Device, request.Tf32, request.Part.Index - 1);
        using var network = SnapshotNetwork.Load(request.Net, device, cancellationToken);
        using var guide = request.Guide is null ? null : SnapshotNetwork.Load(request.Guide, device, cancellationToken);
        using var autoencoder = SampleGrid.NeedsAutoencoder(network) ? ScriptedAutoencoder.Load(request.Autoencoder, device) : null;
        if (request.Class is { } forced && (forced < 0 || forced >= network.LabelDim))
        {
            throw new ConfigurationException($"--class is {forced}; the network knows {(network.LabelDim == 0 ? "no classes, leave it out" : $"classes 0 to {network.LabelDim - 1}")}.");
        }

        var sampler = ModelParts.CreateSampler(SamplerOf(request));
        var shape = SampleGrid.ShapeOf(network);
        using var progress = new SamplingProgress(wanted.Count);
        foreach (var seeds in SeedBatches.Split(wanted, request.Batch, ranks: 1)[0])
        {
            var classes = Enumerable.Repeat(request.Class, seeds.Count).ToArray();
            byte[] pixels = SampleGrid.Sample(network, sampler, seeds, classes, guide, autoencoder, progress, cancellationToken);
            for (int i = 0; i < seeds.Count; i++)
            {
                var image = pixels.AsSpan(i * shape.Elements, shape.Elements);
                if (folder is null)
                {
                    drawn.Add(new DecodedImage(shape, ImageElement.Pixel, image.ToArray()));
                }

                folder?.Write(seeds[i], PngWriter.Encode(image, shape, CompressionLevel.Optimal));
            }

            progress.Add(seeds.Count);
        }

        return drawn;
    }

    private static void WriteGrid(Request request, SampleFolder? folder, IReadOnlyList<DecodedImage> drawn)
    {
        if (request.Grid is null)
        {
            return;
        }

        IReadOnlyList<DecodedImage> images = folder is null ? drawn : [.. request.Seeds.Select(seed => ImageDecoder.Read(folder.PathOf(seed)))];
        var shape = images[0].Shape;
        int columns = (int)Math.Ceiling(Math.Sqrt(images.Count));
        ImageGrid.Write(request.Grid, images.SelectMany(image => image.Bytes).ToArray(), shape, columns, Math.Max(1, 64 / shape.Width), gap: 2);
        Console.WriteLine(request.Grid);
    }

    private static SampleJob JobOf(Request request) => new()
    {
        Network = SampleJob.DigestOf(request.Net),
        Guide = request.Guide is null ? null : SampleJob.DigestOf(request.Guide),
        Autoencoder = request.Autoencoder is { } file && File.Exists(file) ? SampleJob.DigestOf(file) : null,
        Sampler = SamplerOf(request),
        Class = request.Class,
    };

    private static ComponentConfig SamplerOf(Request request)
    {
        using var file = SafetensorsFile.Open(request.Net);
        return request.Sampler.Aggregate(SnapshotNetwork.ConfigOf(file).Sampler, (sampler, option) => sampler.With(option.Key, option.Value?.DeepClone()));
    }

    private static (int Index, int Count) ParsePart(string text)
    {
        string[] sides = text.Split('/');
        return sides.Length == 2 && int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && int.TryParse(sides[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count) && index >= 1 && index <= count
            ? (index, count)
            : throw new ConfigurationException($"--part {text} is no part: write i/N with i from 1 to N, for example 2/8.");
    }

    private static IEnumerable<string> Without(IEnumerable<string> tokens, string[] options)
    {
        bool skip = false;
        foreach (string token in tokens)
        {
            bool isOption = options.Contains(token);
            if (!isOption && !skip)
            {
                yield return token;
            }

            skip = isOption;
        }
    }

    private static string Existing(string option, string path) =>
        File.Exists(path) ? path : throw new ConfigurationException($"{option} {path} does not exist. Snapshots are in a run's snapshots and report folders.");

    private sealed record Request
    {
        public required string Net { get; init; }

        public string? Guide { get; init; }

        public string? Autoencoder { get; init; }

        public string? Directory { get; init; }

        public string? Grid { get; init; }

        public bool Subdirectories { get; init; }

        public required long[] Seeds { get; init; }

        public int? Class { get; init; }

        public int Batch { get; init; }

        public required string Device { get; init; }

        public bool Tf32 { get; init; }

        public int Processes { get; init; }

        public (int Index, int Count) Part { get; init; }

        public int Threads { get; init; }

        public required IReadOnlyList<(string Key, JsonNode? Value)> Sampler { get; init; }
    }
}
