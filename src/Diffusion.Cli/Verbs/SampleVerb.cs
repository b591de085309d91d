using System.CommandLine;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Sampling;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Model.Sampling;
using Diffusion.Snapshots.Safetensors;
using TorchSharp;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Cli.Verbs;

/// <summary>Images from a snapshot.</summary>
internal static class SampleVerb
{
    public static Command Create()
    {
        var net = new Option<string>("--net") { Description = "Snapshot to sample from", HelpName = "FILE", Required = true };
        var guide = new Option<string?>("--gnet") { Description = "Guiding network", HelpName = "FILE" };
        var output = new Option<string?>("--outdir") { Description = "Folder for one PNG per seed", HelpName = "DIR" };
        var grid = new Option<string?>("--grid") { Description = "One PNG with all images side by side", HelpName = "FILE" };
        var subdirectories = new Option<bool>("--subdirs") { Description = "A folder per 1000 seeds" };
        var seeds = new Option<string>("--seeds") { Description = "Seeds, e.g. 1,2,5-10", HelpName = "LIST", DefaultValueFactory = _ => "0-63" };
        var label = new Option<int?>("--class") { Description = "Class of every image [default: drawn by the seed]", HelpName = "INT" };
        var batch = new Option<int>("--batch") { Description = "Images at once", HelpName = "INT", DefaultValueFactory = _ => 32 };
        var device = new Option<string>("--device") { Description = "cpu or cuda:0", HelpName = "NAME", DefaultValueFactory = _ => "cpu" };
        Setting[] sampler =
        [
            Setting.Integer("--steps", "steps", "Time steps"),
            Setting.Number("--sigma-min", "sigmaMin", "Lowest noise level", "--sigma_min"),
            Setting.Number("--sigma-max", "sigmaMax", "Highest noise level", "--sigma_max"),
            Setting.Number("--rho", "rho", "Exponent of the time steps"),
            Setting.Number("--guidance", "guidance", "Guidance strength; 1 is off"),
            Setting.Number("--s-churn", "sChurn", "Noise added on the way", "--S_churn"),
            Setting.Number("--s-min", "sMin", "Lowest noise level with churn", "--S_min"),
            Setting.Number("--s-max", "sMax", "Highest noise level with churn", "--S_max"),
            Setting.Number("--s-noise", "sNoise", "Scale of added noise", "--S_noise"),
        ];
        var command = new Command("sample", "Sample images from a snapshot, one seed each.") { net, guide, output, grid, subdirectories, seeds, label, batch, device };
        foreach (var setting in sampler)
        {
            command.Add(setting.Option);
        }

        command.SetAction((result, _) =>
        {
            var request = new Request
            {
                Net = Existing("--net", result.GetRequiredValue(net)),
                Guide = result.GetValue(guide) is { } path ? Existing("--gnet", path) : null,
                Directory = result.GetValue(output),
                Grid = result.GetValue(grid),
                Subdirectories = result.GetValue(subdirectories),
                Seeds = Lists.Seeds("--seeds", result.GetValue(seeds)!),
                Class = result.GetValue(label),
                Batch = Math.Max(1, result.GetValue(batch)),
                Device = result.GetValue(device)!,
                Sampler = [.. sampler.Select(s => (s.Key, s.Value(result))).Where(s => s.Item2 is not null)],
            };
            if (request.Directory is null && request.Grid is null)
            {
                throw new ConfigurationException("Give --outdir DIR for one file per image, --grid FILE for all in one, or both.");
            }

            using var interruption = Interruption.BySignals();
            return Task.FromResult(Run(request, interruption.Asked));
        });
        return command;
    }

    private static int Run(Request request, CancellationToken cancellationToken)
    {
        torch.set_num_threads(Environment.ProcessorCount);
        var device = torch.device(request.Device);
        using var network = SnapshotNetwork.Load(request.Net, device, cancellationToken);
        using var guide = request.Guide is null ? null : SnapshotNetwork.Load(request.Guide, device, cancellationToken);
        if (request.Class is { } forced && (forced < 0 || forced >= network.LabelDim))
        {
            throw new ConfigurationException($"--class is {forced}; the network knows {(network.LabelDim == 0 ? "no classes, leave it out" : $"classes 0 to {network.LabelDim - 1}")}.");
        }

        var sampler = ModelParts.CreateSampler(SamplerOf(request));
        var shape = new ImageShape(network.ImageChannels, network.Resolution, network.Resolution);
        var all = new List<byte>();
        int done = 0;
        foreach (var seeds in SeedBatches.Split(request.Seeds, request.Batch, ranks: 1)[0])
        {
            var classes = Enumerable.Repeat(request.Class, seeds.Count).ToArray();
            byte[] pixels = SampleGrid.Sample(network, sampler, seeds, classes, guide, cancellationToken);
            Save(request, seeds, pixels, shape);
            if (request.Grid is not null)
            {
                all.AddRange(pixels);
            }

            done += seeds.Count;
            Console.WriteLine($"{done} of {request.Seeds.Length} images");
        }

        if (request.Grid is not null)
        {
            int columns = (int)Math.Ceiling(Math.Sqrt(request.Seeds.Length));
            ImageGrid.Write(request.Grid, all.ToArray(), shape, columns, Math.Max(1, 64 / shape.Width), gap: 2);
            Console.WriteLine(request.Grid);
        }

        return ExitCode.Done;
    }

    private static void Save(Request request, IReadOnlyList<long> seeds, byte[] pixels, ImageShape shape)
    {
        if (request.Directory is not { } directory)
        {
            return;
        }

        for (int i = 0; i < seeds.Count; i++)
        {
            string folder = request.Subdirectories ? Path.Combine(directory, (seeds[i] / 1000 * 1000).ToString("D6", CultureInfo.InvariantCulture)) : directory;
            Directory.CreateDirectory(folder);
            byte[] file = PngWriter.Encode(pixels.AsSpan(i * shape.Elements, shape.Elements), shape, CompressionLevel.Optimal);
            File.WriteAllBytes(Path.Combine(folder, seeds[i].ToString("D6", CultureInfo.InvariantCulture) + ".png"), file);
        }
    }

    private static ComponentConfig SamplerOf(Request request)
    {
        using var file = SafetensorsFile.Open(request.Net);
        return request.Sampler.Aggregate(SnapshotNetwork.ConfigOf(file).Sampler, (sampler, option) => sampler.With(option.Key, option.Value));
    }

    private static string Existing(string option, string path) =>
        File.Exists(path) ? path : throw new ConfigurationException($"{option} {path} does not exist. Snapshots are in a run's snapshots and report folders.");

    private sealed record Request
    {
        public required string Net { get; init; }

        public string? Guide { get; init; }

        public string? Directory { get; init; }

        public string? Grid { get; init; }

        public bool Subdirectories { get; init; }

        public required long[] Seeds { get; init; }

        public int? Class { get; init; }

        public int Batch { get; init; }

        public required string Device { get; init; }

        public required IReadOnlyList<(string Key, JsonNode? Value)> Sampler { get; init; }
    }
}
