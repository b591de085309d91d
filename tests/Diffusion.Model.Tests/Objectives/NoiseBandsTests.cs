using Diffusion.Model.Objectives;

namespace Diffusion.Model.Tests.Objectives;

public class NoiseBandsTests
{
    [Fact]
    public void Add_ErrorsAtBounds_FallIntoTheBandAbove()
    {
        var bands = new NoiseBands(1, 2);

        bands.Add([0.5f, 1f, 1.5f, 2f, 9f], [1, 2, 4, 8, 16]);

        Assert.Equal([1L, 2L, 2L], bands.Bands.Select(band => band.Count));
        Assert.Equal([1.0, 3.0, 12.0], bands.Bands.Select(band => band.Mean));
        Assert.Equal((2, double.PositiveInfinity), (bands.Bands[2].SigmaFrom, bands.Bands[2].SigmaTo));
    }

    [Fact]
    public void Add_OtherMachine_EqualsOneMachine()
    {
        var (a, b, all) = (new NoiseBands(), new NoiseBands(), new NoiseBands());
        a.Add([0.1f, 3f], [1, 2]);
        b.Add([0.1f, 30f], [5, float.NaN]);
        all.Add([0.1f, 3f, 0.1f, 30f], [1, 2, 5, float.NaN]);

        a.Add(b);

        Assert.Equal(all.Bands, a.Bands);
        Assert.Equal(1, a.NonFinite);
    }

    [Fact]
    public void Constructor_BoundsOutOfOrder_AreRefused() => Assert.Throws<ArgumentException>(() => new NoiseBands(2, 1));
}
