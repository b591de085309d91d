using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;

namespace Diffusion.Model.Tests.Networks;

public class DenoiseTests
{
    [Fact]
    public void Denoise_FreshNetwork_ReturnsSkippedInputAlone()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        using var network = ModelParts.CreateNetwork(TestNetworks.Options());
        network.Initialize(TestNetworks.Seeded(3));
        var x = torch.randn([2, 2, 8, 8], generator: TestNetworks.Seeded(4));

        var denoised = network.Denoise(x, torch.tensor(1.5f)).Denoised;

        // c_skip = σ_data² / (σ² + σ_data²); the output gain starts at 0.
        Assert.True(TestNetworks.Difference(denoised, x.mul(0.25 / 2.5)) < 1e-6);
    }

    [Fact]
    public void Denoise_UnconditionalNetwork_IgnoresLabels()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        using var network = TestNetworks.Create(labelDim: 0);
        var x = torch.ones(2, 2, 8, 8);

        var with = network.Denoise(x, torch.tensor(1f), torch.ones(2, 5)).Denoised;

        Assert.Equal(0, TestNetworks.Difference(with, network.Denoise(x, torch.tensor(1f)).Denoised));
    }

    [Fact]
    public void Denoise_OneOfABatch_IsWhatItIsAlone()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        using var network = TestNetworks.Create();
        var x = torch.randn([3, 2, 8, 8], generator: TestNetworks.Seeded(5));
        var sigma = torch.tensor([0.1f, 1f, 10f]);
        var labels = torch.eye(3);

        var all = network.Denoise(x, sigma, labels, withLogVariance: true);
        var alone = network.Denoise(x.narrow(0, 1, 1), sigma.narrow(0, 1, 1), labels.narrow(0, 1, 1), withLogVariance: true);

        Assert.True(TestNetworks.Difference(all.Denoised.narrow(0, 1, 1), alone.Denoised) < 1e-5);
        Assert.True(TestNetworks.Difference(all.LogVariance!.narrow(0, 1, 1), alone.LogVariance!) < 1e-6);
    }

    [Fact]
    public void Denoise_Dropout_ComesFromTheGivenGeneratorAndOnlyInTraining()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        using var network = TestNetworks.Create(dropout: 0.3);
        var x = torch.randn([2, 2, 8, 8], generator: TestNetworks.Seeded(6));
        Tensor Run(long seed)
        {
            using var generator = TestNetworks.Seeded(seed);
            network.DropoutGenerator = generator;
            return network.Denoise(x, torch.tensor(1f)).Denoised;
        }

        var evaluated = Run(1);
        Assert.Equal(0, TestNetworks.Difference(evaluated, Run(2)));

        network.Training = true;
        var first = Run(1);
        Assert.Equal(0, TestNetworks.Difference(first, Run(1)));
        Assert.NotEqual(0, TestNetworks.Difference(first, Run(2)));

        network.DropoutGenerator = null;
        Assert.Throws<InvalidOperationException>(() => network.Denoise(x, torch.tensor(1f)));
    }

    [Fact]
    public void Denoise_BFloat16_StaysNearSinglePrecision()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        using var network = TestNetworks.Create();
        var x = torch.randn([2, 2, 8, 8], generator: TestNetworks.Seeded(7));

        var single = network.Denoise(x, torch.tensor(0.5f)).Denoised;
        network.Precision = ComputePrecision.BFloat16;
        var coarse = network.Denoise(x, torch.tensor(0.5f)).Denoised;

        Assert.Equal(ScalarType.Float32, coarse.dtype);
        Assert.InRange(TestNetworks.Difference(single, coarse), 1e-6, 0.05);
    }

    [Fact]
    public void Denoise_HalfOnTheCpu_IsRefusedWithARemedy()
    {
        using var network = TestNetworks.Create();
        network.Precision = ComputePrecision.Float16;
        using var scope = torch.NewDisposeScope();

        var exception = Assert.Throws<InvalidOperationException>(() => network.Denoise(torch.ones(1, 2, 8, 8), torch.tensor(1f)));

        Assert.Contains("bfloat16", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Denoise_Probe_SeesEveryModuleInOrder()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        using var network = TestNetworks.Create();
        var seen = new List<string>();
        network.ActivationProbe = (module, _) => seen.Add(module);

        network.Denoise(torch.ones(1, 2, 8, 8), torch.tensor(1f), withLogVariance: true);

        Assert.Equal(
            ["unet.emb_fourier", "unet.emb_noise", "unet.emb_label", "unet.emb", "unet.enc.8x8_conv", "unet.enc.8x8_block0", "unet.enc.4x4_down", "unet.enc.4x4_block0", "unet.dec.4x4_in0", "unet.dec.4x4_in1", "unet.dec.4x4_block0", "unet.dec.4x4_block1", "unet.dec.8x8_up", "unet.dec.8x8_block0", "unet.dec.8x8_block1", "unet.out_conv", "logvar_fourier", "logvar_linear"],
            seen);
    }

    [Fact]
    public void NormalizeWeights_Repeated_ReachesTheFixedPointAndLeavesGainsAlone()
    {
        using var scope = torch.NewDisposeScope();
        using var network = TestNetworks.Create();

        for (int step = 0; step < 3; step++)
        {
            network.NormalizeWeights();
        }

        foreach (var parameter in network.Parameters)
        {
            if (parameter.IsNormalized)
            {
                var rms = parameter.Value.flatten(1).square().mean([1]).sqrt();
                Assert.True(rms.sub(1 - 1e-4).abs().max().item<float>() < 1e-6, parameter.Name);
            }
            else
            {
                Assert.Equal(0.5f, parameter.Value.item<float>());
            }
        }
    }

    [Fact]
    public void Backward_GradientsOfMicroBatches_AddUpToThatOfTheBatch()
    {
        using var scope = torch.NewDisposeScope();
        using var network = TestNetworks.Create();
        network.Training = true;
        network.NormalizeWeights();
        network.RequireGradients();
        var x = torch.randn([4, 2, 8, 8], generator: TestNetworks.Seeded(8));
        void Accumulate(int parts)
        {
            foreach (var part in x.chunk(parts))
            {
                network.Denoise(part, torch.tensor(1f)).Denoised.square().sum().backward();
            }
        }

        Accumulate(1);
        var whole = network.Parameters.Select(parameter => parameter.Value.grad?.clone()).ToList();
        foreach (var parameter in network.Parameters)
        {
            parameter.Value.grad?.zero_();
        }

        Accumulate(2);

        foreach (var (parameter, expected) in network.Parameters.Zip(whole))
        {
            Assert.Equal(expected is null, parameter.Value.grad is null);
            Assert.True(expected is null || TestNetworks.Difference(expected, parameter.Value.grad!) < 1e-4 * Math.Max(1, expected.abs().max().item<float>()), parameter.Name);
        }
    }
}
