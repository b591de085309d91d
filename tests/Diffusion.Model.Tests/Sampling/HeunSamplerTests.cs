using Diffusion.Model.Sampling;

namespace Diffusion.Model.Tests.Sampling;

public class HeunSamplerTests
{
    [Fact]
    public void TimeSteps_RecordedGrids_Match()
    {
        using var schedules = GoldenFiles.Case("schedules");
        foreach (var row in schedules.Rows("t_steps"))
        {
            bool isDouble = row["dtype"]!.GetValue<string>().EndsWith("64", StringComparison.Ordinal);
            var options = new HeunOptions { Steps = (int)row.Number("num_steps"), SigmaMin = row.Number("sigma_min"), SigmaMax = row.Number("sigma_max"), Rho = row.Number("rho"), State = isDouble ? StatePrecision.Float64 : StatePrecision.Float32 };

            var times = HeunSampler.TimeSteps(options);

            double[] expected = [.. row["t"]!.AsArray().Select(value => value!.GetValue<double>()), 0];
            Assert.Equal(expected.Length, times.Count);
            Assert.All(expected.Zip(times), pair => Assert.Equal(pair.First, pair.Second, (isDouble ? 1e-12 : 1e-6) * Math.Max(pair.First, 1e-3)));
        }
    }

    /// <summary>Four times as many steps: sixteen times less error, as second order means.</summary>
    [Theory]
    [InlineData(64, 2e-3)]
    [InlineData(256, 1.25e-4)]
    public void Sample_GaussianData_ConvergesWithSecondOrder(int steps, double relativeError)
    {
        // For data ~ N(0, s²) the perfect denoiser is x·s²/(s² + σ²), and sampling maps noise·σ_max to about noise·s.
        using var scope = torch.NewDisposeScope();
        const double Std = 0.5;
        var noise = torch.randn([64, 1, 4, 4], generator: TestNetworks.Seeded(1));
        var sampler = new HeunSampler(new HeunOptions { Steps = steps, State = StatePrecision.Float64 });

        var images = sampler.Sample((x, sigma) => x.mul(sigma.square().add(Std * Std).reciprocal().mul(Std * Std)), noise);

        double largest = noise.abs().max().item<float>();
        Assert.True(TestNetworks.Difference(images.to(ScalarType.Float32), noise.mul(Std)) < relativeError * largest);
    }

    [Fact]
    public void Sample_ChurnOutsideItsRange_DrawsNothing()
    {
        using var scope = torch.NewDisposeScope();
        int draws = 0;
        Tensor Draw(Tensor like)
        {
            draws++;
            return torch.zeros_like(like);
        }

        var sampler = new HeunSampler(new HeunOptions { Steps = 8, SChurn = 4, SMin = 1, SMax = 20 });
        sampler.Sample((x, _) => x.mul(0.1), torch.ones(1, 1, 2, 2), Draw);

        Assert.Equal(HeunSampler.TimeSteps(new HeunOptions { Steps = 8 }).Count(time => time is >= 1 and <= 20), draws);
    }

    [Fact]
    public void Sample_ChurnOfExactNoise_KeepsTheVariance()
    {
        using var scope = torch.NewDisposeScope();
        const double Std = 0.5;
        using var generator = TestNetworks.Seeded(2);
        var noise = torch.randn([4000, 1, 2, 2], generator: generator);
        var sampler = new HeunSampler(new HeunOptions { Steps = 40, SChurn = 20 });

        var images = sampler.Sample((x, sigma) => x.mul(sigma.square().add(Std * Std).reciprocal().mul(Std * Std)), noise, like => torch.randn(like.shape, generator: generator));

        Assert.Equal(Std, images.std().item<float>(), 0.02);
    }

    [Fact]
    public void Sample_GuidedByItself_IsUnguided()
    {
        using var scope = torch.NewDisposeScope();
        using var network = TestNetworks.Create();
        var noise = torch.randn([2, 2, 8, 8], generator: TestNetworks.Seeded(3));

        var plain = HeunSampler.Sample(network, noise, null, new HeunOptions { Steps = 4 });
        var guided = HeunSampler.Sample(network, noise, null, new HeunOptions { Steps = 4, Guidance = 2 }, guide: network);

        Assert.True(TestNetworks.Difference(plain, guided) < 1e-4);
    }

    [Fact]
    public void Sample_GuidanceWithoutGuide_IsRefused()
    {
        using var network = TestNetworks.Create();
        using var noise = torch.zeros(1, 2, 8, 8);

        Assert.Throws<ArgumentNullException>(() => HeunSampler.Sample(network, noise, null, new HeunOptions { Guidance = 2 }));
    }

    [Fact]
    public void Sample_Cancelled_StopsBeforeTheNextStep()
    {
        using var scope = torch.NewDisposeScope();
        using var network = TestNetworks.Create();
        using var source = new CancellationTokenSource();
        var steps = new List<int>();

        Assert.Throws<OperationCanceledException>(() => HeunSampler.Sample(network, torch.zeros(1, 2, 8, 8), null, new HeunOptions { Steps = 8 }, progress: new Immediate(progress =>
        {
            steps.Add(progress.Step);
            if (progress.Step == 2)
            {
                source.Cancel();
            }
        }), cancellationToken: source.Token));

        Assert.Equal([1, 2], steps);
    }

    [Fact]
    public void Sample_Repeated_LeavesOnlyItsResult()
    {
        using var network = TestNetworks.Create();
        using var noise = torch.ones(1, 2, 8, 8);
        var options = new HeunOptions { Steps = 3 };
        HeunSampler.Sample(network, noise, null, options).Dispose();
        long before = Tensor.TotalCount;

        using var images = HeunSampler.Sample(network, noise, null, options);

        Assert.Equal(before + 1, Tensor.TotalCount);
    }

    [Fact]
    public void Constructor_ImpossibleOptions_AreRefused() => Assert.Throws<ArgumentException>(() => new HeunSampler(new HeunOptions { Steps = 1 }));

    private sealed class Immediate(Action<SamplerProgress> report) : IProgress<SamplerProgress>
    {
        public void Report(SamplerProgress value) => report(value);
    }
}
