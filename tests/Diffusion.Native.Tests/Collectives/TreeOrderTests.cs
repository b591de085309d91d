using Diffusion.Native.Collectives;
using Xunit.Abstractions;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>The promise under exact mode: any cut of the shards over ranks sums to the same bits.</summary>
public sealed class TreeOrderTests(ITestOutputHelper output)
{
    private const int Length = 3;
    private const int MostRanks = 8;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Merges_EveryPartition_EqualsTheSingleProcessTree(int shardCount)
    {
        var sums = new SubTreeSums(shardCount, seed: 11);
        for (int ranks = 1; ranks <= Math.Min(MostRanks, shardCount); ranks++)
        {
            foreach (var shares in Numbers.Compositions(shardCount, ranks))
            {
                sums.Check(shares);
            }
        }
    }

    [Theory]
    [InlineData(32, 30_000)]
    [InlineData(64, 30_000)]
    public void Merges_SampledPartitions_EqualTheSingleProcessTree(int shardCount, int samples)
    {
        int seed = Environment.TickCount & 0xffff;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var sums = new SubTreeSums(shardCount, seed);
        for (int i = 0; i < samples; i++)
        {
            sums.Check(Numbers.RandomShares(random, shardCount, random.Next(1, MostRanks + 1)));
        }
    }

    [Fact]
    public void Merges_GapInTheNodes_Throws() =>
        Assert.Throws<ArgumentException>(() => TreeOrder.Merges([new ShardRange(0, 2), new ShardRange(3, 4)]));

    [Fact]
    public void TreeSum_OtherOrder_GivesOtherBits()
    {
        // If plain addition in order gave the tree's bits, the tests above would prove nothing.
        var shards = Numbers.Shards(64, 1000, seed: 3);
        var sequential = shards.Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]);
        Assert.False(Numbers.SameBits(sequential, Numbers.TreeSum(shards, 0, 64)));
    }

    /// <summary>Tree sums of every node, computed once; a partition is checked by combining its ranks' nodes.</summary>
    private sealed class SubTreeSums
    {
        private readonly int shardCount;
        private readonly Dictionary<ShardRange, float[]> byNode = [];
        private readonly float[] expected;

        public SubTreeSums(int shardCount, int seed)
        {
            this.shardCount = shardCount;
            var shards = Numbers.Shards(shardCount, Length, seed);
            for (int size = 1; size <= shardCount; size *= 2)
            {
                for (int start = 0; start < shardCount; start += size)
                {
                    byNode.Add(new ShardRange(start, start + size), Numbers.TreeSum(shards, start, start + size));
                }
            }

            expected = byNode[new ShardRange(0, shardCount)];
        }

        public void Check(int[] shares)
        {
            var plan = new ShardPlan(shardCount, shares);
            var nodes = Enumerable.Range(0, plan.RankCount).SelectMany(rank => plan[rank].SubTrees()).ToArray();
            var merges = TreeOrder.Merges(nodes);
            var stack = new Stack<float[]>();
            for (int i = 0; i < nodes.Length; i++)
            {
                stack.Push((float[])byNode[nodes[i]].Clone());
                for (int j = 0; j < merges[i]; j++)
                {
                    var right = stack.Pop();
                    var left = stack.Peek();
                    for (int k = 0; k < Length; k++)
                    {
                        left[k] += right[k];
                    }
                }
            }

            Assert.True(Numbers.SameBits(stack.Single(), expected), plan.ToString());
        }
    }
}
