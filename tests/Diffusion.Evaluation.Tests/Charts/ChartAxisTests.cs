using Diffusion.Evaluation.Charts;

namespace Diffusion.Evaluation.Tests.Charts;

public sealed class ChartAxisTests
{
    [Fact]
    public void Ticks_Linear_AreRoundAndInside()
    {
        var axis = new ChartAxis(ChartScale.Linear, [0.43, 0.51], 0);

        Assert.Equal(["0.44", "0.46", "0.48", "0.50"], ChartAxis.Labels(axis.Ticks(5)));
        Assert.All(axis.Ticks(5), t => Assert.InRange(axis.Fraction(t), -1e-9, 1 + 1e-9));
    }

    [Fact]
    public void Ticks_Logarithmic_AreOneTwoFive()
    {
        var axis = new ChartAxis(ChartScale.Logarithmic, [0.02, 0.25], 0);

        Assert.Equal(["0.02", "0.05", "0.1", "0.2"], ChartAxis.Labels(axis.Ticks(8)));
    }

    [Fact]
    public void Ticks_LogarithmicNarrow_StillHasSome() =>
        Assert.True(new ChartAxis(ChartScale.Logarithmic, [0.31, 0.34], 0).Ticks(6).Count >= 2);

    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    [InlineData(-3)]
    public void Fraction_AllValuesEqual_IsTheMiddle(double value) =>
        Assert.Equal(0.5, new ChartAxis(ChartScale.Linear, [value, value], 0.05).Fraction(value), 6);

    [Fact]
    public void Fraction_Logarithmic_EqualRatiosAreEqualSteps()
    {
        var axis = new ChartAxis(ChartScale.Logarithmic, [1, 100], 0);

        Assert.Equal(0.5, axis.Fraction(10), 12);
    }
}
