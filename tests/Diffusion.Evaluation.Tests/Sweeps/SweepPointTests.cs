using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Sweeps;

namespace Diffusion.Evaluation.Tests.Sweeps;

public sealed class SweepPointTests
{
    [Theory]
    [InlineData(0.3, "no EMA length")]
    [InlineData(0, "no EMA length")]
    [InlineData(0.0705, "Try 0.07")]
    [InlineData(0.05, "there twice")]
    public void Lengths_WhatCannotBe_IsRefused(double length, string expected) =>
        Assert.Contains(expected, Assert.Throws<ConfigurationException>(() => SweepPoint.Lengths("--lengths", [0.05, length])).Message);

    [Fact]
    public void Lengths_AsListsFillThem_AreRounded() => Assert.Equal([0.02, 0.03], SweepPoint.Lengths("--lengths", [0.030000000000000002, 0.019999999999999997]));

    [Fact]
    public void Grid_Repeats_ComeAfterWholeCurves()
    {
        var grid = SweepPoint.Grid([1024, 2048], [0.05, 0.1], [1, 2], 2);

        Assert.Equal(16, grid.Count);
        Assert.Equal(16, grid.Distinct().Count());
        Assert.All(grid.Take(8), p => Assert.Equal(0, p.Repetition));
        Assert.Equal(new SweepPoint(1024, 0.05), grid[0]);
    }
}
