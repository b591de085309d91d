using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Tests.Run;

public sealed class ShardSpreadTests
{
    [Fact]
    public void Even_EveryCount_CoversAllShardsWithSharesThatDifferByOne()
    {
        foreach (int shards in new[] { 1, 2, 4, 8, 16, 64 })
        {
            for (int ranks = 1; ranks <= shards; ranks++)
            {
                var spread = ShardSpread.Even(shards, ranks);
                var shares = spread.Select(rank => rank.End - rank.First).ToArray();
                Assert.Equal(shards, shares.Sum());
                Assert.InRange(shares.Max() - shares.Min(), 0, 1);
                Assert.Equal(shares.OrderDescending(), shares);
            }
        }
    }

    [Fact]
    public void Even_PowerOfTwo_GivesAlignedSubTrees() =>
        Assert.All(ShardSpread.Even(16, 4), rank => Assert.Equal((4, 0), (rank.End - rank.First, rank.First % 4)));

    [Fact]
    public void Spread_OneTwiceAsFast_HasTwiceTheWork() =>
        Assert.Equal([4, 2, 2], ShardSpread.Spread(8, [2, 1, 1]).Select(rank => rank.End - rank.First));

    [Fact]
    public void Spread_MoreRanksThanShards_IsRefused() => Assert.Throws<ArgumentException>(() => ShardSpread.Even(4, 5));
}
