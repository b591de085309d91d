using Diffusion.Native.Collectives;
using TorchSharp;

namespace Diffusion.Native.Tests.Collectives;

public sealed class ShardAccumulatorTests
{
    private static readonly ArenaLayout Layout = new([("w", [100])]);

    [Fact]
    public void Add_EveryRangeOf16_LeavesTheTreeSumsOfItsNodes()
    {
        var shards = Numbers.Shards(16, 128, seed: 6);
        using var gradient = new Arena(Layout);
        using var accumulator = new ShardAccumulator(Layout, torch.CPU, threads: 1);
        for (int start = 0; start < 16; start++)
        {
            for (int end = start; end <= 16; end++)
            {
                accumulator.Begin(new ShardRange(start, end));
                for (int shard = start; shard < end; shard++)
                {
                    shards[shard].CopyTo(gradient.Span(0, 128));
                    accumulator.Add(shard, gradient);
                }

                var partials = accumulator.Partials;
                Assert.Equal(new ShardRange(start, end).SubTrees(), partials.Select(partial => partial.Range));
                Assert.All(partials, partial => Assert.True(Numbers.SameBits(Numbers.TreeSum(shards, partial.Range.Start, partial.Range.End), partial.Sum.Span(0, 128)), $"{partial.Range}"));
            }
        }
    }

    [Theory]
    [InlineData(0, 64, 6)]
    [InlineData(32, 64, 5)]
    [InlineData(0, 1, 1)]
    [InlineData(0, 63, 6)]
    [InlineData(1, 63, 10)]
    public void BufferCount_Range_IsAtMostLogarithmic(int start, int end, int expected)
    {
        using var gradient = new Arena(Layout);
        using var accumulator = new ShardAccumulator(Layout, torch.CPU, threads: 1);
        for (int step = 0; step < 2; step++)
        {
            accumulator.Begin(new ShardRange(start, end));
            for (int shard = start; shard < end; shard++)
            {
                accumulator.Add(shard, gradient);
            }
        }

        Assert.Equal(expected, accumulator.BufferCount);
    }

    [Fact]
    public void Add_OutOfOrderOrTooMany_Throws()
    {
        using var gradient = new Arena(Layout);
        using var accumulator = new ShardAccumulator(Layout, torch.CPU, threads: 1);
        accumulator.Begin(new ShardRange(2, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => accumulator.Add(3, gradient));
        accumulator.Add(2, gradient);
        Assert.Contains("[3, 4)", Assert.Throws<InvalidOperationException>(() => accumulator.Partials).Message, StringComparison.Ordinal);
        accumulator.Add(3, gradient);
        Assert.Throws<ArgumentOutOfRangeException>(() => accumulator.Add(4, gradient));
        Assert.Single(accumulator.Partials);
    }

    [Fact]
    public void Begin_AfterAnUnfinishedStep_StartsAnew()
    {
        using var gradient = new Arena(Layout);
        using var accumulator = new ShardAccumulator(Layout, torch.CPU, threads: 1);
        gradient.Span(0).Fill(1);
        accumulator.Begin(new ShardRange(0, 4));
        accumulator.Add(0, gradient);
        accumulator.Begin(new ShardRange(0, 2));
        accumulator.Add(0, gradient);
        accumulator.Add(1, gradient);
        Assert.Equal(2, accumulator.Partials.Single().Sum.Span(0)[99]);
    }
}
