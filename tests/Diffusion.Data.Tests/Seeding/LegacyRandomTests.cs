namespace Diffusion.Data.Tests.Seeding;

public sealed class LegacyRandomTests
{
    // The first outputs of MT19937 for its authors' default seed.
    [Fact]
    public void NextUInt32_Seed5489_EqualsPublishedValues()
    {
        var random = new LegacyRandom(5489);
        Assert.Equal([3499211612u, 581869302u, 3890346734u, 3586334585u, 545404204u], Enumerable.Range(0, 5).Select(_ => random.NextUInt32()));
    }

    // C++'s standard demands this of mt19937, and so reaches past several refills.
    [Fact]
    public void NextUInt32_TenThousandth_EqualsStandard()
    {
        var random = new LegacyRandom(5489);
        for (int i = 1; i < 10000; i++)
        {
            random.NextUInt32();
        }

        Assert.Equal(4123659995u, random.NextUInt32());
    }

    [Fact]
    public void Bounded_ManyDraws_ReachAllValuesAndNoOther()
    {
        var random = new LegacyRandom(3);
        Assert.Equal(Enumerable.Range(0, 6).Select(i => (uint)i), Enumerable.Range(0, 1000).Select(_ => random.Bounded(5)).Distinct().Order());
    }

    [Fact]
    public void Permutation_AnySize_HoldsEachOnce()
    {
        for (int n = 0; n < 200; n += 7)
        {
            Assert.Equal(Enumerable.Range(0, n), new LegacyRandom((uint)n).Permutation(n).Order());
        }
    }
}
