using System.Globalization;
using System.Text.RegularExpressions;
using Diffusion.Contracts.Configuration;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Evaluation.Weights;

/// <summary>Networks from snapshot files, ready to be evaluated.</summary>
public static partial class SnapshotNetwork
{
    /// <summary>Header key of <see cref="ModelOptions"/> as JSON.</summary>
    public const string ModelKey = "model";

    private const string Remedy = "Take another snapshot, or reconstruct it again.";

    /// <summary>Loads a network in evaluation mode, without gradients.</summary>
    /// <param name="path">Snapshot in training or post-hoc form.</param>
    /// <param name="device">Where to; null for the CPU.</param>
    /// <param name="cancellationToken">Checked while the file is verified.</param>
    /// <returns>A network the caller disposes.</returns>
    /// <exception cref="DamagedFileException">The file is damaged, or its tensors do not fit the network its configuration describes.</exception>
    /// <exception cref="ConfigurationException">Its configuration names parts this program does not know.</exception>
    public static INetwork Load(string path, Device? device = null, CancellationToken cancellationToken = default)
    {
        using var file = SafetensorsFile.Open(path);
        if (file.RecordedDigest is not null)
        {
            file.Verify(cancellationToken);
        }

        var network = ModelParts.CreateNetwork(ModelOf(file));
        try
        {
            using var scope = torch.NewDisposeScope();
            network.LoadState(file.Tensors.ToDictionary(t => t.Name, t => torch.tensor(file.Float32(t.Name)).reshape([.. t.Shape])), device);
            network.Training = false;
            return network;
        }
        catch (ArgumentException e)
        {
            network.Dispose();
            throw new DamagedFileException(path, e.Message.Split(" (Parameter")[0].TrimEnd('.'), Remedy, e);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>The configuration of the run a snapshot belongs to.</summary>
    /// <exception cref="DamagedFileException">It carries none.</exception>
    public static RunConfig ConfigOf(SafetensorsFile file)
    {
        string json = SnapshotInfo.Read(file).Config ?? throw new DamagedFileException(file.Path, "its header holds no configuration", "It was not written by a training run of this program; its network cannot be built.");
        return StrictJson.Parse<RunConfig>(json, $"The configuration in {file.Path}");
    }

    /// <summary>What network a snapshot is of: what its header says, else parts from the run's configuration and sizes from the tensors themselves.</summary>
    /// <exception cref="DamagedFileException">The file does not say.</exception>
    public static ModelOptions ModelOf(SafetensorsFile file) => file.Metadata.TryGetValue(ModelKey, out string? json)
        ? StrictJson.Parse<ModelOptions>(json, $"The model in {file.Path}")
        : ModelOptions.Of(ConfigOf(file), ImagesOf(file));

    // Names of the state dictionary (EDM2, section 4): the first encoder level is the image's own resolution.
    private static ImageShape ImagesOf(SafetensorsFile file)
    {
        var levels = file.Tensors.Select(t => Level().Match(t.Name)).Where(m => m.Success).Select(m => int.Parse(m.Groups[1].ValueSpan, CultureInfo.InvariantCulture)).ToArray();
        if (levels.Length == 0 || !file.TryGetEntry("unet.out_conv.weight", out var output) || output.Shape.Count == 0)
        {
            throw new DamagedFileException(file.Path, "its tensors are not those of a U-Net", Remedy);
        }

        int labels = file.TryGetEntry("unet.emb_label.weight", out var label) && label.Shape.Count == 2 ? (int)label.Shape[1] : 0;
        return new ImageShape(levels.Max(), (int)output.Shape[0], labels);
    }

    [GeneratedRegex(@"^unet\.enc\.([0-9]{1,6})x\1_")]
    private static partial Regex Level();
}
