using System.Text.Json;
using Diffusion.Snapshots.Averaging;

namespace Diffusion.Snapshots.Tests.Averaging;

public sealed class PowerFunctionProfileTests
{
    private static readonly JsonElement Golden = GoldenFiles.Json("phema.json");

    [Fact]
    public void Exponent_GoldenLengths_Match()
    {
        foreach (var item in Golden.GetProperty("std_to_exp").EnumerateArray())
        {
            double expected = item.GetProperty("exp").GetDouble();
            double found = new PowerFunctionProfile(item.GetProperty("std").GetDouble()).Exponent;
            Assert.True(Math.Abs(found - expected) <= 1e-12 * Math.Max(1, expected), $"σ_rel {item.GetProperty("std")}: γ {found:R}, expected {expected:R}");
        }
    }

    [Theory]
    [InlineData(0.001)]
    [InlineData(0.01)]
    [InlineData(0.1)]
    [InlineData(0.25)]
    [InlineData(0.2886)]
    public void Exponent_Bisection_FindsTheSameRoot(double relativeStd)
    {
        double low = 0;
        double high = 10 / relativeStd;
        for (int i = 0; i < 200; i++)
        {
            double middle = (low + high) / 2;
            (low, high) = PowerFunctionProfile.RelativeStdOf(middle) > relativeStd ? (middle, high) : (low, middle);
        }

        Assert.Equal(low, new PowerFunctionProfile(relativeStd).Exponent, 1e-12 * (1 + high));
    }

    [Fact]
    public void RelativeStdOf_GoldenExponents_Match()
    {
        foreach (var item in Golden.GetProperty("exp_to_std").EnumerateArray())
        {
            Assert.Equal(item.GetProperty("std").GetDouble(), PowerFunctionProfile.RelativeStdOf(item.GetProperty("exp").GetDouble()), 1e-15);
        }
    }

    [Fact]
    public void Beta_GoldenSteps_Match()
    {
        foreach (var item in Golden.GetProperty("beta").EnumerateArray())
        {
            var profile = new PowerFunctionProfile(item.GetProperty("std").GetDouble());
            double beta = profile.Beta(item.GetProperty("t_next").GetInt64(), item.GetProperty("t_delta").GetInt64());
            Assert.Equal(item.GetProperty("beta").GetDouble(), beta, 1e-12);
        }
    }

    [Fact]
    public void InnerProduct_GoldenPairs_Match()
    {
        foreach (var item in Golden.GetProperty("correlation").EnumerateArray())
        {
            var a = item.GetProperty("a");
            var b = item.GetProperty("b");
            double expected = item.GetProperty("value").GetDouble();
            double found = PowerFunctionProfile.InnerProduct(
                new PowerFunctionProfile(a[1].GetDouble()), a[0].GetDouble(), new PowerFunctionProfile(b[1].GetDouble()), b[0].GetDouble());
            Assert.Equal(1, found / expected, 1e-12);
        }
    }

    [Fact]
    public void InnerProduct_NumericIntegral_Agrees()
    {
        var (a, b) = (new PowerFunctionProfile(0.1), new PowerFunctionProfile(0.2));
        const int Steps = 200_000;
        double sum = 0;
        for (int i = 0; i < Steps; i++)
        {
            double t = (i + 0.5) / Steps * 3;
            sum += Density(a, t, 3) * Density(b, t, 5) * 3 / Steps;
        }

        Assert.Equal(sum, PowerFunctionProfile.InnerProduct(a, 3, b, 5), 1e-8);
    }

    [Fact]
    public void DiscreteResponse_GoldenVectors_Match()
    {
        foreach (var item in Golden.GetProperty("response").EnumerateArray())
        {
            double[] found = new PowerFunctionProfile(item.GetProperty("std").GetDouble())
                .DiscreteResponse(item.GetProperty("ofs").GetInt32(), item.GetProperty("len").GetInt32());
            double[] expected = item.GetProperty("resp").EnumerateArray().Select(value => value.GetDouble()).ToArray();
            Assert.Equal(expected.Length, found.Length);
            Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-14));
        }
    }

    [Fact]
    public void ShareOfInitialWeights_ProductOfBetas_IsTheSame()
    {
        var profile = new PowerFunctionProfile(0.15);
        double product = 1;
        for (long images = 4096 + 512; images <= 16384; images += 512)
        {
            product *= profile.Beta(images, 512);
        }

        Assert.Equal(product, profile.ShareOfInitialWeights(4096, 16384), 1e-14);
        Assert.Equal(0, profile.ShareOfInitialWeights(0, 16384));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-0.1)]
    [InlineData(0.289)]
    [InlineData(double.NaN)]
    public void Constructor_LengthOutOfRange_IsRefused(double relativeStd)
        => Assert.Throws<ArgumentOutOfRangeException>(() => new PowerFunctionProfile(relativeStd));

    [Fact]
    public void Beta_BatchLargerThanTime_IsRefused()
        => Assert.Throws<ArgumentOutOfRangeException>(() => new PowerFunctionProfile(0.1).Beta(100, 101));

    [Fact]
    public void TraditionalBeta_GoldenSteps_Match()
    {
        foreach (var item in GoldenFiles.Json("schedules.json").GetProperty("traditional_ema_beta").EnumerateArray())
        {
            var halfLife = item.GetProperty("halflife_Mimg");
            var ratio = item.GetProperty("rampup_ratio");
            var ema = new TraditionalEma(
                halfLife.ValueKind == JsonValueKind.String ? double.PositiveInfinity : halfLife.GetDouble(),
                ratio.ValueKind == JsonValueKind.Null ? null : ratio.GetDouble());
            double beta = ema.Beta(item.GetProperty("cur_nimg").GetInt64(), item.GetProperty("batch_size").GetInt64());
            Assert.Equal(item.GetProperty("beta").GetDouble(), beta, 1e-12);
        }
    }

    private static double Density(PowerFunctionProfile profile, double t, double end)
        => (profile.Exponent + 1) * Math.Pow(t, profile.Exponent) / Math.Pow(end, profile.Exponent + 1);
}
