using Diffusion.Native.Collectives;

namespace Diffusion.Native.Tests.Collectives;

public sealed class ShardPlanTests
{
    [Fact]
    public void Even_ThreeRanks_GivesTheRemainderToTheFirst()
    {
        var plan = ShardPlan.Even(8, 3);

        Assert.Equal("8 shards: [0, 3) [3, 6) [6, 8)", plan.ToString());
        Assert.Equal([0, 0, 0, 1, 1, 1, 2, 2], Enumerable.Range(0, 8).Select(plan.OwnerOf));
    }

    [Fact]
    public void Even_MoreRanksThanShards_LeavesRanksEmpty() => Assert.True(ShardPlan.Even(2, 3)[2].IsEmpty);

    [Theory]
    [InlineData(6, new[] { 3, 3 }, "power of two")]
    [InlineData(8, new[] { 3, 3 }, "add up to 6")]
    [InlineData(8, new[] { 9 }, "is given 9")]
    [InlineData(8, new[] { -1, 9 }, "is given -1")]
    [InlineData(8, new int[0], "no ranks")]
    public void Constructor_BadShares_SaysValueAndRule(int shardCount, int[] shares, string expected) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => new ShardPlan(shardCount, shares)).Message, StringComparison.Ordinal);

    [Fact]
    public void OwnerOf_ShardOutside_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => ShardPlan.Even(8, 2).OwnerOf(8));
}
