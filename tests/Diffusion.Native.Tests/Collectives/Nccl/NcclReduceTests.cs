using Diffusion.Native.Collectives;
using Xunit.Abstractions;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>Both all-reduces between devices of the stand-in: the bits, and the order of calls that makes them.</summary>
[Collection(RunsAlone.Name)]
public sealed class NcclReduceTests(ITestOutputHelper output)
{
    private static readonly ArenaLayout Layout = new([("a", [37, 41]), ("b", [5000])]);
    private static readonly AllReduceOptions SmallBuckets = new() { BucketBytes = 4096 };
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    [StandInTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(8)]
    public void TreeAllReduce_UnevenShares_EqualsTheSingleProcessTree(int size)
    {
        int seed = Environment.TickCount & 0xffff;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var shards = Numbers.Shards(32, (int)Layout.Length, seed);
        float[] expected = Numbers.TreeSum(shards, 0, 32);
        for (int trial = 0; trial < 3; trial++)
        {
            var plan = trial == 0 ? ShardPlan.Even(32, size) : new ShardPlan(32, Numbers.RandomShares(random, 32, size));
            StandIn.Begin();
            DeviceRanks.RunAll(size, transport =>
            {
                using var sums = new RankSums(Layout, plan[transport.Rank], shards);
                using var reduce = new TreeAllReduce(transport, plan, Layout.Length, SmallBuckets);
                for (int step = 0; step < 2; step++)
                {
                    reduce.Run(sums.Partials, sums.Destination, Long, CancellationToken.None);
                    Assert.True(Numbers.SameBits(expected, sums.Result), $"{plan}, step {step}");
                }
            });
        }
    }

    [StandInFact]
    public void TreeAllReduce_NoTransportOfTheCpusMemory_EqualsTheTreeToo()
    {
        var plan = new ShardPlan(8, [3, 1, 4]);
        var shards = Numbers.Shards(8, (int)Layout.Length, seed: 4);
        StandIn.Begin();
        DeviceRanks.RunAll(
            3,
            transport =>
            {
                using var sums = new RankSums(Layout, plan[transport.Rank], shards);
                using var reduce = new TreeAllReduce(transport, plan, Layout.Length, SmallBuckets);
                reduce.Run(sums.Partials, sums.Destination, Long, CancellationToken.None);
                Assert.True(Numbers.SameBits(Numbers.TreeSum(shards, 0, 8), sums.Result));
                Assert.Equal([0, 10, 20], transport.AllGather(10 * transport.Rank, Long, CancellationToken.None));
            },
            withHost: false);
    }

    [StandInFact]
    public void Advance_AsBackwardCompletesTheArena_BucketsGoBeforeTheEndWithTheSameBits()
    {
        var plan = new ShardPlan(8, [5, 3]);
        var shards = Numbers.Shards(8, (int)Layout.Length, seed: 5);
        StandIn.Begin();
        DeviceRanks.RunAll(2, transport =>
        {
            using var sums = new RankSums(Layout, plan[transport.Rank], shards);
            using var reduce = new TreeAllReduce(transport, plan, Layout.Length, SmallBuckets);
            float[] late = sums.Hold(0, 2000);
            Assert.True(reduce.Begin(sums.Partials, sums.Destination, Long, CancellationToken.None));
            reduce.Advance(5000, Long, CancellationToken.None);
            reduce.Advance(2000, Long, CancellationToken.None);
            int before = StandIn.Calls(transport.Rank).Count(call => call == "ncclGroupEnd");
            Assert.True(before >= 3, $"{before} groups went before the last terms were there.");
            sums.Release(0, late);
            reduce.End(Long, CancellationToken.None);
            Assert.True(Numbers.SameBits(Numbers.TreeSum(shards, 0, 8), sums.Result));
        });
    }

    [StandInFact]
    public void TreeAllReduce_TwoRanks_AsksForEveryBucketInOneGroupAndInOrder()
    {
        // Two buckets: the second is shorter, but also of equal slices.
        var layout = new ArenaLayout([("a", [1024 + 512])]);
        var shards = Numbers.Shards(2, (int)layout.Length, seed: 6);
        StandIn.Begin();
        DeviceRanks.RunAll(2, transport =>
        {
            using var sums = new RankSums(layout, ShardPlan.Even(2, 2)[transport.Rank], shards);
            using var reduce = new TreeAllReduce(transport, ShardPlan.Even(2, 2), layout.Length, SmallBuckets);
            reduce.Run(sums.Partials, sums.Destination, Long, CancellationToken.None);
        });

        string[] expected =
        [
            "ncclCommInitRankConfig", "ncclSend", "ncclRecv", "ncclGroupEnd", "ncclSend", "ncclRecv", "ncclAllGather", "ncclGroupEnd", "ncclAllGather", "ncclGroupEnd",
            "ncclCommFinalize", "ncclCommDestroy",
        ];
        Assert.Equal(expected, StandIn.Calls(0));
        Assert.Equal(expected, StandIn.Calls(1));
        Assert.Equal(6, StandIn.Calls().Count(call => call == "ncclGroupStart"));
        Assert.Equal(1, StandIn.Calls().Count(call => call == "ncclGetUniqueId"));
    }

    [StandInTheory]
    [InlineData(1)]
    [InlineData(3)]
    public void FastAllReduce_SeveralBuckets_EveryRankHasTheSameSum(int size)
    {
        var locals = Numbers.Shards(size, (int)Layout.Length, seed: 2);
        var expected = locals.Aggregate((sum, next) => [.. sum.Zip(next, (a, b) => a + b)]);
        StandIn.Begin();
        DeviceRanks.RunAll(size, transport =>
        {
            using var local = new Arena(Layout);
            using var sum = new Arena(Layout);
            locals[transport.Rank].CopyTo(local.Span(0, expected.Length));
            using var reduce = new FastAllReduce(transport, Layout.Length, SmallBuckets);
            reduce.Run(local, sum, Long, CancellationToken.None);
            Assert.True(Numbers.SameBits(expected, sum.Span(0, expected.Length)));
        });
        Assert.Equal((Layout.Length + 1023) / 1024, StandIn.Calls(0).Count(call => call == "ncclAllReduce"));
    }

    /// <summary>A rank's sub-tree sums, in arenas.</summary>
    private sealed class RankSums : IDisposable
    {
        private readonly ArenaLayout layout;
        private readonly float[][] values;

        public RankSums(ArenaLayout layout, ShardRange range, float[][] shards)
        {
            this.layout = layout;
            Destination = new Arena(layout);
            var nodes = range.SubTrees();
            values = [.. nodes.Select(node => Numbers.TreeSum(shards, node.Start, node.End))];
            Partials = [.. nodes.Select(node => new ShardPartial(node, new Arena(layout)))];
            for (int i = 0; i < Partials.Length; i++)
            {
                values[i].CopyTo(Partials[i].Sum.Span(0, (int)layout.Length));
            }
        }

        public ShardPartial[] Partials { get; }

        public Arena Destination { get; }

        public ReadOnlySpan<float> Result => Destination.Span(0, (int)layout.Length);

        /// <summary>Takes a part of the last sum away: it is not computed yet.</summary>
        public float[] Hold(int from, int count)
        {
            var part = Partials[^1].Sum.Span(from, count);
            float[] held = part.ToArray();
            part.Fill(float.NaN);
            return held;
        }

        public void Release(int from, float[] held) => held.CopyTo(Partials[^1].Sum.Span(from, held.Length));

        public void Dispose()
        {
            Array.ForEach(Partials, partial => partial.Sum.Dispose());
            Destination.Dispose();
        }
    }
}
