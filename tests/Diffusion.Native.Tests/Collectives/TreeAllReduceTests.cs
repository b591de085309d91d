using System.Runtime.InteropServices;
using Diffusion.Native.Collectives;
using Xunit.Abstractions;

namespace Diffusion.Native.Tests.Collectives;

public sealed unsafe class TreeAllReduceTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    public static TheoryData<string> Kinds => Transports.All;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Run_OneToFourRanksAnyPlan_EqualsTheSingleProcessTree(string kind)
    {
        int seed = Environment.TickCount & 0xffff;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (int size = 1; size <= 4; size++)
        {
            for (int trial = 0; trial < 6; trial++)
            {
                int shardCount = 1 << random.Next(0, 6);
                int length = random.Next(1, 40_000);
                var plan = new ShardPlan(shardCount, Numbers.RandomShares(random, shardCount, size));
                var shards = Numbers.Shards(shardCount, length, seed + trial);
                var expected = Numbers.TreeSum(shards, 0, shardCount);
                var options = new AllReduceOptions { BucketBytes = 1 << random.Next(12, 18), Threads = 2 };
                Ranks.RunAll(kind, size, transport => Assert.True(Numbers.SameBits(expected, Reduce(transport, plan, shards, options)), $"{plan}, {length} floats, {options}"));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Run_SeveralSteps_KeepsItsBuffers(string kind)
    {
        var plan = new ShardPlan(8, [3, 5]);
        Ranks.RunAll(kind, 2, transport =>
        {
            using var reduce = new TreeAllReduce(transport, plan, 5000, new AllReduceOptions { BucketBytes = 4096 });
            for (int step = 0; step < 5; step++)
            {
                var shards = Numbers.Shards(8, 5000, step);
                Assert.True(Numbers.SameBits(Numbers.TreeSum(shards, 0, 8), Reduce(reduce, plan[transport.Rank], shards)), $"step {step}");
            }
        });
    }

    [Fact]
    public void Run_RanksWithOtherPlans_AreToldSo()
    {
        var failures = Ranks.Run("local", 2, transport =>
            Reduce(transport, new ShardPlan(8, transport.Rank == 0 ? [4, 4] : [3, 5]), Numbers.Shards(8, 100, 1), new AllReduceOptions()));

        Assert.Contains(failures, failure => failure is InvalidOperationException e && e.Message.Contains("something else", StringComparison.Ordinal));
        Assert.All(failures, failure => Assert.NotNull(failure));
    }

    [Fact]
    public void Constructor_PlanForOtherGroup_Throws()
    {
        using var transport = LocalTransport.CreateGroup(1)[0];
        Assert.Throws<ArgumentException>(() => new TreeAllReduce(transport, ShardPlan.Even(8, 2), 100));
    }

    [Fact]
    public void Run_WrongNumberOfPartials_Throws()
    {
        using var transport = LocalTransport.CreateGroup(1)[0];
        using var reduce = new TreeAllReduce(transport, ShardPlan.Even(8, 1), 100);
        Assert.Throws<ArgumentException>(() => reduce.Run([], 0, Long, CancellationToken.None));
    }

    private static float[] Reduce(IPeerTransport transport, ShardPlan plan, float[][] shards, AllReduceOptions options)
    {
        using var reduce = new TreeAllReduce(transport, plan, shards[0].Length, options);
        return Reduce(reduce, plan[transport.Rank], shards);
    }

    private static float[] Reduce(TreeAllReduce reduce, ShardRange range, float[][] shards)
    {
        var partials = range.SubTrees().Select(node => Numbers.TreeSum(shards, node.Start, node.End)).ToArray();
        var handles = partials.Select(partial => GCHandle.Alloc(partial, GCHandleType.Pinned)).ToArray();
        var result = new float[shards[0].Length];
        try
        {
            fixed (float* destination = result)
            {
                reduce.Run(handles.Select(handle => handle.AddrOfPinnedObject()).ToArray(), (nint)destination, Long, CancellationToken.None);
            }
        }
        finally
        {
            Array.ForEach(handles, handle => handle.Free());
        }

        return result;
    }
}
