using Diffusion.Native.Collectives;
using TorchSharp;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>The whole way of a step's gradient: shards, accumulator, all-reduce, in arenas.</summary>
public sealed class ArenaReduceTests
{
    private static readonly ArenaLayout Layout = new([("a", [37, 41]), ("b", [5000])]);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    public static TheoryData<string> Kinds => Transports.All;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TreeAllReduce_ThreeUnevenRanks_EqualsOneRank(string kind)
    {
        var shards = Numbers.Shards(16, (int)Layout.Length, seed: 9);
        var expected = Numbers.TreeSum(shards, 0, 16);
        var plan = new ShardPlan(16, [3, 9, 4]);
        Ranks.RunAll(kind, 3, transport =>
        {
            using var gradient = new Arena(Layout);
            using var accumulator = new ShardAccumulator(Layout, torch.CPU, threads: 1);
            using var reduce = new TreeAllReduce(transport, plan, Layout.Length);
            for (int step = 0; step < 2; step++)
            {
                accumulator.Begin(plan[transport.Rank]);
                for (int shard = plan[transport.Rank].Start; shard < plan[transport.Rank].End; shard++)
                {
                    shards[shard].CopyTo(gradient.Span(0, shards[shard].Length));
                    accumulator.Add(shard, gradient);
                }

                reduce.Run(accumulator.Partials, gradient, Long, CancellationToken.None);
                Assert.True(Numbers.SameBits(expected, gradient.Span(0, expected.Length)));
            }
        });
    }

    [Fact]
    public void TreeAllReduce_PartialsOfOtherRange_Throws()
    {
        using var transport = LocalTransport.CreateGroup(1)[0];
        using var gradient = new Arena(Layout);
        using var reduce = new TreeAllReduce(transport, ShardPlan.Even(4, 1), Layout.Length);
        var wrong = new ShardPartial(new ShardRange(0, 2), gradient);
        Assert.Contains("[0, 2)", Assert.Throws<ArgumentException>(() => reduce.Run([wrong], gradient, Long, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void FastAllReduce_ThreeRanksInPlace_AddsInRankOrder(string kind)
    {
        var locals = Numbers.Shards(3, (int)Layout.Length, seed: 2);
        var expected = locals[0].Zip(locals[1], (a, b) => a + b).Zip(locals[2], (ab, c) => ab + c).ToArray();
        Ranks.RunAll(kind, 3, transport =>
        {
            using var gradient = new Arena(Layout);
            locals[transport.Rank].CopyTo(gradient.Span(0, expected.Length));
            using var reduce = new FastAllReduce(transport, Layout.Length, new AllReduceOptions { BucketBytes = 4096 });
            reduce.Run(gradient, gradient, Long, CancellationToken.None);
            Assert.True(Numbers.SameBits(expected, gradient.Span(0, expected.Length)));
        });
    }
}
