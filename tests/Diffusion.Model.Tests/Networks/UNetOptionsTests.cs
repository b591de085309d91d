using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;

namespace Diffusion.Model.Tests.Networks;

public class UNetOptionsTests
{
    private static readonly ImageShape Images = new(64, 3, 10);

    [Fact]
    public void Problems_Defaults_None() => Assert.Empty(new UNetOptions().Problems(Images));

    [Fact]
    public void Problems_ManyFaults_AllAreNamed()
    {
        var options = new UNetOptions { Dropout = 1, ResBalance = -0.1, ClipAct = 0, ResampleFilter = [1, 2, 1], ChannelMult = [1, 2, 2, 2, 2, 2, 2, 2] };

        string[] problems = [.. options.Problems(Images)];

        Assert.All(new[] { "dropout", "resBalance", "clipAct", "resampleFilter", "halved" }, word => Assert.Contains(problems, problem => problem.Contains(word, StringComparison.Ordinal)));
    }

    [Fact]
    public void Problems_ChannelsThatDoNotSplitIntoHeads_SuggestsWidth()
    {
        var options = new UNetOptions { ModelChannels = 50, ChannelMult = [4], ChannelsPerHead = 64 };

        Assert.Contains(options.Problems(Images), problem => problem.Contains("200 channels do not split into 3", StringComparison.Ordinal));
    }

    [Fact]
    public void Remarks_FewerChannelsThanAHead_SaysThatAttentionIsGone()
    {
        var options = new UNetOptions { ModelChannels = 32, ChannelMult = [1], AttnResolutions = [64] };

        Assert.Single(options.Remarks(Images));
        Assert.DoesNotContain(options.DescribeParameters(Images), place => place.Name.Contains("attn", StringComparison.Ordinal));
    }

    [Fact]
    public void DescribeParameters_Conditional_OneWeightMoreThanUnconditional()
    {
        var options = new UNetOptions();

        var names = options.DescribeParameters(Images).Select(place => place.Name).Except(options.DescribeParameters(Images with { LabelDim = 0 }).Select(place => place.Name));

        Assert.Equal(["unet.emb_label.weight"], names);
    }

    [Fact]
    public void CreateNetwork_UnknownKey_NamesItAndTheNearest()
    {
        var model = new ModelOptions { Images = Images, Network = ComponentConfig.Of(ModelParts.Edm2UNet, ("modelChannel", 64)) };

        var exception = Assert.Throws<ConfigurationException>(() => ModelParts.CreateNetwork(model));

        Assert.Contains("network.modelChannel", exception.Message, StringComparison.Ordinal);
        Assert.Contains("modelChannels", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Problems_EveryPartWrong_AllAreNamed()
    {
        var run = new RunConfig
        {
            Network = ComponentConfig.Of("unknown"),
            Preconditioning = ComponentConfig.Of(ModelParts.Edm2Preconditioning, ("sigmaData", 0)),
            Noise = ComponentConfig.Of(ModelParts.LogNormalNoise, ("std", -1)),
            Loss = ComponentConfig.Of(ModelParts.UncertaintyLoss, ("weight", 1)),
            Sampler = ComponentConfig.Of(ModelParts.HeunSampler, ("steps", 1)),
        };

        string[] problems = [.. ModelParts.Problems(run, Images)];

        Assert.All(new[] { "network.kind", "preconditioning: sigmaData", "noise: std", "loss.weight", "sampler: steps" }, start => Assert.Contains(problems, problem => problem.StartsWith(start, StringComparison.Ordinal)));
    }

    [Fact]
    public void ModelOptions_WrittenAndRead_AreTheSame()
    {
        var model = NetworkPresets.Get("cifar10-32");

        var read = StrictJson.Read<ModelOptions>(JsonNode.Parse(StrictJson.Write(model))!.AsObject());

        Assert.Equal(model, read);
    }
}
