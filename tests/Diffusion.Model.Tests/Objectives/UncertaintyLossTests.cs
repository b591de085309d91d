using Diffusion.Model.Networks;
using Diffusion.Model.Objectives;

namespace Diffusion.Model.Tests.Objectives;

public class UncertaintyLossTests
{
    [Fact]
    public void Draw_OneGenerator_LevelsComeBeforeNoise()
    {
        using var scope = torch.NewDisposeScope();
        var images = torch.zeros(4, 2, 8, 8);
        var noise = new LogNormalNoise(new LogNormalOptions { Mean = -0.8, Std = 1.6 });

        var draw = noise.Draw(images, TestNetworks.Seeded(9));

        using var generator = TestNetworks.Seeded(9);
        var expected = noise.From(torch.randn([4, 1, 1, 1], generator: generator), torch.randn([4, 2, 8, 8], generator: generator));
        Assert.Equal(0, TestNetworks.Difference(expected.Sigma, draw.Sigma));
        Assert.Equal(0, TestNetworks.Difference(expected.Noise, draw.Noise));
    }

    [Fact]
    public void Draw_ManyImages_HaveTheAskedDistribution()
    {
        using var scope = torch.NewDisposeScope();
        var draw = new LogNormalNoise(new LogNormalOptions { Mean = -0.4, Std = 1.0 }).Draw(torch.zeros(20000, 1, 1, 1), TestNetworks.Seeded(10));

        var logarithms = draw.Sigma.log();

        Assert.Equal(-0.4, logarithms.mean().item<float>(), 0.03);
        Assert.Equal(1.0, logarithms.std().item<float>(), 0.03);
    }

    [Fact]
    public void Evaluate_ImageError_IsTheMapWithoutUncertainty()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        using var network = TestNetworks.Create();
        var images = torch.randn([3, 2, 8, 8], generator: TestNetworks.Seeded(11)).mul(0.5);
        var draw = new LogNormalNoise(new LogNormalOptions()).Draw(images, TestNetworks.Seeded(12));

        var loss = new UncertaintyLoss().Evaluate(network, images, null, draw);

        var u = network.Denoise(images, draw.Sigma, null, withLogVariance: true).LogVariance!.flatten();
        var expected = loss.Map.mean([1, 2, 3]).sub(u).mul(u.exp());
        Assert.True(TestNetworks.Difference(expected, loss.ImageError) < 1e-4);
        Assert.Equal([3L, 2, 8, 8], loss.Map.shape);
    }

    [Fact]
    public void Evaluate_TrainingSteps_LeaveNoTensorsBehind()
    {
        using var network = TestNetworks.Create();
        network.RequireGradients();
        var loss = new UncertaintyLoss();
        var noise = new LogNormalNoise(new LogNormalOptions());
        void Step()
        {
            using var scope = torch.NewDisposeScope();
            using var generator = TestNetworks.Seeded(13);
            network.NormalizeWeights();
            var images = torch.zeros(2, 2, 8, 8);
            loss.Evaluate(network, images, null, noise.Draw(images, generator)).Map.sum().backward();
        }

        Step();
        long before = Tensor.TotalCount;
        Step();

        Assert.Equal(before, Tensor.TotalCount);
    }
}
