using Diffusion.Contracts.Configuration;
using Diffusion.Model.Costs;
using Diffusion.Model.Networks;

namespace Diffusion.Model.Tests.Networks;

public class NetworkPresetsTests
{
    /// <summary>Counts of the bare U-Net's parameters with 1000 classes; nothing is allocated.</summary>
    [Theory]
    [InlineData(64, 4, 31_309_029)]
    [InlineData(128, 4, 124_713_253)]
    [InlineData(192, 4, 280_212_837)]
    [InlineData(256, 4, 497_807_781)]
    [InlineData(320, 4, 777_498_085)]
    [InlineData(384, 4, 1_119_283_749)]
    [InlineData(448, 4, 1_523_164_773)]
    [InlineData(64, 3, 31_307_877)]
    [InlineData(128, 3, 124_710_949)]
    [InlineData(192, 3, 280_209_381)]
    public void CreateNetwork_PaperSizes_HavePublishedParameterCounts(int channels, int imageChannels, long expected)
    {
        var model = new ModelOptions
        {
            Images = new ImageShape(64, imageChannels, 1000),
            Network = ComponentConfig.Of(ModelParts.Edm2UNet, ("modelChannels", channels)),
        };

        using var network = ModelParts.CreateNetwork(model);

        Assert.Equal(expected, network.ParameterCount());
        Assert.All(network.StateOrder, place => Assert.False(place.HasValue));
    }

    [Theory]
    [InlineData("edm2-img512-xxs", 11.53)]
    [InlineData("edm2-img512-xs", 45.50)]
    [InlineData("edm2-img512-s", 101.92)]
    [InlineData("edm2-img512-m", 180.79)]
    [InlineData("edm2-img512-l", 282.10)]
    public void Of_PaperSizes_HavePublishedGflops(string preset, double expected)
    {
        var estimate = NetworkEstimate.Of(NetworkPresets.Get(preset));

        Assert.InRange(estimate.Operations.Total / 1e9, expected - 0.006, expected + 0.006);
    }

    [Fact]
    public void Get_EveryName_IsBuildable()
    {
        foreach (string name in NetworkPresets.Names)
        {
            var model = NetworkPresets.Get(name);
            Assert.Empty(ModelParts.Problems(RunPresets.Get(name), model.Images));
            Assert.True(NetworkEstimate.Of(model).Parameters > 0, name);
        }
    }

    [Fact]
    public void Get_SmallestPreset_HasAttention()
    {
        using var network = ModelParts.CreateNetwork(NetworkPresets.Get(RunPresets.Default));

        Assert.Contains(network.Parameters, parameter => parameter.Name.EndsWith("attn_qkv.weight", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_Estimate_CountsBytesOfEveryValue()
    {
        var estimate = NetworkEstimate.Of(TestNetworks.Options());
        using var network = ModelParts.CreateNetwork(TestNetworks.Options());

        Assert.Equal(2 * network.StateOrder.Sum(place => place.ElementCount), estimate.SnapshotBytes());
        Assert.Equal(4 * 6 * network.ParameterCount(), estimate.TrainingStateBytes(averages: 2));
        Assert.True(estimate.ActivationBytesPerImage(ComputePrecision.Float32) == 2 * estimate.ActivationBytesPerImage(ComputePrecision.BFloat16));
    }
}
