using Diffusion.Model.Layers;

namespace Diffusion.Model.Tests.Layers;

/// <summary>The recorded values are compared by the golden tests; these hold what no recording does.</summary>
public class MagnitudePreservingTests
{
    [Fact]
    public void Normalize_UnitInput_ComesOutBelowOneByEpsilon()
    {
        using var scope = torch.NewDisposeScope();

        Assert.Equal(1 / (1 + 1e-4), MagnitudePreserving.Normalize(torch.ones(2, 8)).max().item<float>(), 1e-7);
    }

    [Fact]
    public void Normalize_ZeroInput_HasFiniteGradient()
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.zeros(2, 8).requires_grad_();

        MagnitudePreserving.Normalize(x).sum().backward();

        Assert.True(x.grad!.isfinite().all().item<bool>());
    }

    [Theory]
    [InlineData(ResampleMode.Down)]
    [InlineData(ResampleMode.Up)]
    public void Resample_BoxFilter_EqualsTheGeneralConvolution(ResampleMode mode)
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.randn([2, 3, 8, 8], generator: TestNetworks.Seeded(1));

        // A filter with zeros around the box takes the general path.
        var general = MagnitudePreserving.Resample(x, [0, 1, 1, 0], mode);

        Assert.True(TestNetworks.Difference(MagnitudePreserving.Resample(x, [1, 1], mode), general) < 1e-6);
    }

    [Fact]
    public void Cat_UnevenChannels_KeepsUnitMagnitude()
    {
        using var scope = torch.NewDisposeScope();
        var a = torch.randn([4, 2, 32, 32], generator: TestNetworks.Seeded(1));
        var b = torch.randn([4, 30, 32, 32], generator: TestNetworks.Seeded(2));

        Assert.Equal(1, MagnitudePreserving.Cat(a, b, 0.3).square().mean().item<float>(), 0.02);
    }

    [Fact]
    public void Attention_AgreesWithLoops()
    {
        const int Heads = 2, Depth = 3, Side = 2, Pixels = Side * Side, Channels = Heads * Depth;
        using var scope = torch.NewDisposeScope();
        var qkv = torch.randn([1, 3 * Channels, Side, Side], generator: TestNetworks.Seeded(1));
        float[] values = qkv.data<float>().ToArray();
        double At(int head, int channel, int which, int pixel) => values[((((head * Depth) + channel) * 3) + which) * Pixels + pixel];
        double Unit(int head, int channel, int which, int pixel)
            => At(head, channel, which, pixel) / (1e-4 + Math.Sqrt(Enumerable.Range(0, Depth).Sum(c => Math.Pow(At(head, c, which, pixel), 2)) / Depth));

        var actual = MagnitudePreserving.Attention(qkv, Heads).data<float>().ToArray();

        for (int head = 0; head < Heads; head++)
        {
            for (int query = 0; query < Pixels; query++)
            {
                var logits = Enumerable.Range(0, Pixels).Select(key => Enumerable.Range(0, Depth).Sum(c => Unit(head, c, 0, query) * Unit(head, c, 1, key)) / Math.Sqrt(Depth)).ToArray();
                double sum = logits.Sum(Math.Exp);
                for (int channel = 0; channel < Depth; channel++)
                {
                    double expected = Enumerable.Range(0, Pixels).Sum(key => Math.Exp(logits[key]) / sum * Unit(head, channel, 2, key));
                    Assert.Equal(expected, actual[(((head * Depth) + channel) * Pixels) + query], 1e-5);
                }
            }
        }
    }
}
