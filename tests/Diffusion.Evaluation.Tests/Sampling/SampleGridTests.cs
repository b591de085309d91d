using Diffusion.Evaluation.Sampling;

namespace Diffusion.Evaluation.Tests.Sampling;

public sealed class SampleGridTests
{
    [Fact]
    public void Rows_NoClasses_AreEightWithoutOne() => Assert.Equal(new int?[] { null, null, null, null, null, null, null, null }, SampleGrid.Rows(0));

    [Fact]
    public void Rows_TenClasses_AreAllOfThem() => Assert.Equal(Enumerable.Range(0, 10).Select(c => (int?)c), SampleGrid.Rows(10));

    [Fact]
    public void Rows_ManyClasses_AreEightSpreadEvenly() => Assert.Equal(new int?[] { 0, 125, 250, 375, 500, 625, 750, 875 }, SampleGrid.Rows(1000));
}
