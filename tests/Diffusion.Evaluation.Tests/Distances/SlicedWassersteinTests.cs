using Diffusion.Evaluation.Distances;
using Diffusion.Evaluation.Features;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Tests.Distances;

public sealed class SlicedWassersteinTests
{
    [Fact]
    public void Between_ShiftedCopy_IsTheShift()
    {
        float[] x = Gaussian.Vectors(3, 512, 1);
        float[] shifted = [.. x.Select(v => v + 0.75f)];

        Assert.Equal(0.75, SlicedWasserstein.Between(shifted, 3, SlicedWasserstein.Quantiles(x, 3)).Value, 5);
    }

    [Fact]
    public void Between_SortedPairs_AgreesWithTheSlowTwin()
    {
        // As many vectors as quantiles: W₁ is the mean distance of the sorted values.
        float[] x = Gaussian.Vectors(2, SlicedWasserstein.QuantileCount, 1);
        float[] y = Gaussian.Vectors(2, SlicedWasserstein.QuantileCount, 2, 0.3, 1.5);
        double slow = Enumerable.Range(0, 2).Average(d => Column(x, d).Zip(Column(y, d)).Average(p => Math.Abs(p.First - p.Second)));

        Assert.Equal(slow, SlicedWasserstein.Between(x, 2, SlicedWasserstein.Quantiles(y, 2)).Value, 6);
    }

    [Fact]
    public void Extract_AnyImage_KeepsEveryLevelsShare()
    {
        // A flat image has no detail: only the last level, its mean, projects to anything.
        var shape = new ImageShape(3, 16, 16);
        using var projections = new PyramidProjections(shape);
        byte[] flat = new byte[shape.Elements];
        Array.Fill(flat, (byte)200);
        float[] projected = projections.Extract(flat, shape);

        Assert.Equal(3 * PyramidProjections.DirectionsPerLevel, projections.Space.Dimension);
        Assert.All(projected[..256], v => Assert.Equal(0, v, 5));
        Assert.Contains(projected[256..], v => Math.Abs(v) > 0.1);
    }

    [Fact]
    public void SpaceOf_OtherShape_IsAnotherSpace() =>
        Assert.False(PyramidProjections.SpaceOf(new ImageShape(3, 16, 16)).IsSameAs(PyramidProjections.SpaceOf(new ImageShape(3, 32, 32))));

    private static IEnumerable<float> Column(float[] rows, int d) => rows.Where((_, i) => i % 2 == d).Order();
}
