using Diffusion.Native.Collectives;

namespace Diffusion.Native.Tests.Collectives;

public sealed class ShardRangeTests
{
    [Fact]
    public void SubTrees_EveryRangeUpTo64_AreTheFewestAlignedNodes()
    {
        for (int start = 0; start <= 64; start++)
        {
            for (int end = start; end <= 64; end++)
            {
                var nodes = new ShardRange(start, end).SubTrees();
                Assert.All(nodes, node => Assert.True(node.IsSubTree, $"{node} of [{start}, {end})"));
                Assert.Equal(Enumerable.Range(start, end - start), nodes.SelectMany(node => Enumerable.Range(node.Start, node.Count)));
                Assert.DoesNotContain(nodes.Zip(nodes.Skip(1)), pair => pair.First.IsLeftBrotherOf(pair.Second));
                Assert.True(nodes.Count <= 10, $"[{start}, {end}) has {nodes.Count} nodes; 2·log2(64) − 2 is the most.");
            }
        }
    }

    [Theory]
    [InlineData(0, 4, true)]
    [InlineData(4, 8, true)]
    [InlineData(2, 6, false)]
    [InlineData(0, 3, false)]
    [InlineData(5, 5, false)]
    public void IsSubTree_Range_TellsNodesOfTheTree(int start, int end, bool expected) => Assert.Equal(expected, new ShardRange(start, end).IsSubTree);
}
