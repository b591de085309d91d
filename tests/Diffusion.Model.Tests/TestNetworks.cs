using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;

namespace Diffusion.Model.Tests;

internal static class TestNetworks
{
    /// <summary>8x8 images, two levels, attention at 4x4; its gains are set so that every weight matters.</summary>
    public static ModelOptions Options(int labelDim = 3, double dropout = 0) => new()
    {
        Images = new ImageShape(8, 2, labelDim),
        Network = ComponentConfig.Of(ModelParts.Edm2UNet, ("modelChannels", 8), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(4)), ("channelsPerHead", 8), ("dropout", dropout)),
    };

    public static INetwork Create(int labelDim = 3, double dropout = 0, long seed = 1)
    {
        var network = ModelParts.CreateNetwork(Options(labelDim, dropout));
        using var generator = Seeded(seed);
        network.Initialize(generator);
        using var guard = torch.no_grad();
        foreach (var gain in network.Parameters.Where(parameter => parameter.Shape.Count == 0))
        {
            gain.Value.fill_(0.5);
        }

        return network;
    }

    public static Generator Seeded(long seed)
    {
        var generator = new Generator();
        generator.manual_seed(seed);
        return generator;
    }

    public static double Difference(Tensor a, Tensor b) => a.sub(b).abs().max().item<float>();
}
