using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Snapshots.Catalogue;
using TorchSharp;

namespace Diffusion.Cli.Tests.Verbs;

/// <summary>Snapshots of small networks with weights that were drawn, for verbs that read them.</summary>
internal static class SnapshotFiles
{
    /// <summary>A configuration whose network computes in milliseconds.</summary>
    public static RunConfig Config { get; } = RunPresets.Get("shapes-16") with
    {
        Network = ComponentConfig.Of(ModelParts.Edm2UNet, ("modelChannels", 16), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(4)), ("channelsPerHead", 16)),
    };

    /// <summary>Writes a snapshot into a folder, which is created.</summary>
    /// <param name="directory">Folder.</param>
    /// <param name="channels">3 for pixels, 4 for latents.</param>
    /// <param name="labels">Classes.</param>
    /// <param name="imagesSeen">Training time.</param>
    /// <param name="relativeStd">EMA length.</param>
    /// <returns>The file.</returns>
    public static string Write(string directory, int channels = 3, int labels = 5, long imagesSeen = 1024, double relativeStd = 0.1)
    {
        Directory.CreateDirectory(directory);
        using var network = ModelParts.CreateNetwork(ModelOptions.Of(Config, new ImageShape(8, channels, labels)));
        using var generator = new torch.Generator();
        generator.manual_seed(imagesSeen);
        network.Initialize(generator);
        using var guard = torch.no_grad();
        foreach (var gain in network.Parameters.Where(p => p.Shape.Count == 0))
        {
            gain.Value.fill_(0.7);
        }

        var values = network.StateOrder.Select(place => place.Value.data<float>().ToArray()).ToArray();
        SnapshotTensor[] tensors = [.. network.StateOrder.Select(place => new SnapshotTensor(place.Name, place.Shape, place is NetworkBuffer))];
        var info = new SnapshotInfo { RunId = "test", ImagesSeen = imagesSeen, RelativeStd = relativeStd, Config = StrictJson.Write(Config) };
        return Path.Combine(directory, new SnapshotWriter(directory).Write(info, tensors, i => values[i]).File);
    }
}
