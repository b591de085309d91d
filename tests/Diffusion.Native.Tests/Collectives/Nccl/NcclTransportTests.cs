using System.Buffers.Binary;
using System.Diagnostics;
using Diffusion.Native.Collectives;
using Diffusion.Native.Collectives.Nccl;
using Xunit.Abstractions;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>Every way a generation between devices can fail, over the stand-in: bounded in time, told to all ranks, and the next generation works.</summary>
[Collection(RunsAlone.Name)]
public sealed class NcclTransportTests(ITestOutputHelper output)
{
    private static readonly ArenaLayout Layout = new([("a", [4096])]);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    [StandInTheory]
    [InlineData("fail:ncclCommInitRankConfig:1:3:r1")]
    [InlineData("async:ncclCommInitRankConfig:1:6:r1")]
    [InlineData("fail:ncclGroupStart:2:3")]
    [InlineData("fail:ncclSend:2:3:r0")]
    [InlineData("fail:ncclRecv:1:2:r1")]
    [InlineData("fail:ncclAllGather:1:3:r0")]
    [InlineData("fail:ncclGroupEnd:2:2:r1")]
    [InlineData("async:ncclGroupEnd:2:6:r1")]
    public void AnyCall_Fails_AllRanksAreReleasedAndTheNextGenerationWorks(string fault)
    {
        StandIn.Begin(fault);
        var failures = DeviceRanks.Run(2, transport => Reduce(transport, steps: 3));
        Array.ForEach(failures, failure => output.WriteLine(failure?.Message ?? "no failure"));
        Assert.All(failures, failure => Assert.IsType<CollectiveException>(failure));
        Assert.Contains(failures, failure => failure is CollectiveException { Failure: CollectiveFailure.PeerLost });
        Assert.Empty(StandIn.Violations());
        var calls = StandIn.Calls();
        Assert.Equal(calls.Count(call => call == "ncclGroupStart") - (fault.Contains("GroupStart", StringComparison.Ordinal) ? 1 : 0), calls.Count(call => call.StartsWith("ncclGroupEnd", StringComparison.Ordinal)));

        StandIn.Begin();
        DeviceRanks.RunAll(2, transport => Reduce(transport, steps: 2));
    }

    [StandInFact]
    public void Transfer_Stalls_TimesOutAtTheDeadlineAndIsGivenUp()
    {
        StandIn.Begin("stall:transfer:2:r0");
        var took = TimeSpan.Zero;
        NcclTransport? stalled = null;
        var failures = DeviceRanks.Run(2, transport =>
        {
            stalled = transport.Rank == 0 ? transport : stalled;
            took = Ranks.Time(() => Assert.Throws<CollectiveException>(() => Reduce(transport, steps: 3, deadline: TimeSpan.FromSeconds(1))));
            throw new CollectiveException(transport.Failure!.Failure, transport.Failure.Message);
        });
        output.WriteLine($"{took.TotalMilliseconds:0} ms: {failures[0]!.Message} / {failures[1]!.Message}");
        Assert.Contains(failures, failure => failure is CollectiveException { Failure: CollectiveFailure.TimedOut });
        Assert.InRange(took, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(3));
        Assert.True(stalled!.IsEnded, "The communicator was given up.");
        Assert.Empty(StandIn.Violations());

        StandIn.Begin();
        DeviceRanks.RunAll(2, transport => Reduce(transport, steps: 2));
    }

    [StandInTheory]
    [InlineData("stall:transfer:2:r1")]
    [InlineData("hang:ncclSend:2:r1")]
    [InlineData("hang:ncclGroupEnd:2:r0")]
    [InlineData("hang:ncclAllGather:1:r0")]
    public void Abort_FromTheControlThread_ReleasesAllWithinFiveSecondsAlsoFromInsideACall(string fault)
    {
        StandIn.Begin(fault);
        var store = new InMemoryRendezvousStore();
        using var joined = new CountdownEvent(2);
        var transports = new NcclTransport[2];
        long aborted = 0;
        var control = new Thread(() =>
        {
            Assert.True(joined.Wait(Long));
            new ManualResetEventSlim().Wait(TimeSpan.FromMilliseconds(300));
            aborted = Stopwatch.GetTimestamp();
            var told = Ranks.Time(() => Array.ForEach(transports, transport => transport.Abort("Rank 7 is gone.")));
            Assert.True(told < TimeSpan.FromMilliseconds(500), $"The control thread was kept for {told.TotalMilliseconds:0} ms.");
        });
        control.Start();
        var failures = DeviceRanks.Run(2, transport =>
        {
            transports[transport.Rank] = transport;
            joined.Signal();
            Reduce(transport, steps: 1_000_000);
        });
        var took = Stopwatch.GetElapsedTime(aborted);
        Assert.True(control.Join(Long));
        output.WriteLine($"{took.TotalMilliseconds:0} ms after the abort");
        Assert.All(failures, failure => Assert.Equal("Rank 7 is gone.", Assert.IsType<CollectiveException>(failure).Message));
        Assert.All(transports, transport => Assert.True(transport.IsEnded));
        Assert.InRange(took, TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Equal(2, StandIn.Calls().Count(call => call.StartsWith("ncclCommAbort", StringComparison.Ordinal)));

        StandIn.Begin();
        DeviceRanks.RunAll(2, transport => Reduce(transport, steps: 2));
    }

    [StandInFact]
    public void Connect_ARankNeverComes_TimesOutAndIsGivenUp()
    {
        StandIn.Begin();
        var host = LocalTransport.CreateGroup(2);
        var options = DeviceRanks.Quick with { ConnectTimeout = TimeSpan.FromSeconds(1) };
        var e = Assert.Throws<CollectiveException>(() => NcclTransport.Connect(0, 2, host[0], new StandInLane(StandIn.Handle, 0), new InMemoryRendezvousStore(), "g0", options, CancellationToken.None));
        Assert.Equal(CollectiveFailure.TimedOut, e.Failure);
        Assert.Contains("ncclCommAbort", StandIn.Calls(0));
        Assert.Empty(StandIn.Violations());
    }

    [StandInFact]
    public void Connect_Cancelled_EndsAtOnce()
    {
        StandIn.Begin();
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var host = LocalTransport.CreateGroup(2);
        CollectiveException? e = null;
        var took = Ranks.Time(() => e = Assert.Throws<CollectiveException>(
            () => NcclTransport.Connect(0, 2, host[0], new StandInLane(StandIn.Handle, 0), new InMemoryRendezvousStore(), "g0", DeviceRanks.Quick, cancellation.Token)));
        Assert.Equal(CollectiveFailure.Aborted, e!.Failure);
        Assert.InRange(took, TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(3));
    }

    [StandInFact]
    public void Connect_Rank0HasAnotherVersion_IsRefusedWithBoth()
    {
        StandIn.Begin();
        var store = new InMemoryRendezvousStore();
        byte[] announced = new byte[4 + NcclUniqueId.Bytes];
        BinaryPrimitives.WriteInt32LittleEndian(announced, 22705);
        store.Set("g0/nccl", announced);
        var host = LocalTransport.CreateGroup(2);
        var e = Assert.Throws<PlatformNotSupportedException>(() => NcclTransport.Connect(1, 2, host[1], new StandInLane(StandIn.Handle, 1), store, "g0", DeviceRanks.Quick, CancellationToken.None));
        Assert.Contains("2.27.5", e.Message, StringComparison.Ordinal);
        Assert.Contains("2.28.9", e.Message, StringComparison.Ordinal);
        Assert.NotNull(host[0].Failure);
    }

    [StandInFact]
    public void Device_LostInTheMiddle_IsSaidByItsRankAndReleasesTheOthers()
    {
        StandIn.Begin("fail:stream:2:719:r1");
        var failures = DeviceRanks.Run(2, transport => Reduce(transport, steps: 1_000_000));
        Assert.Contains("719", Assert.IsType<DeviceFailedException>(failures[1]).Message, StringComparison.Ordinal);
        Assert.Contains("719", Assert.IsType<CollectiveException>(failures[0]).Message, StringComparison.Ordinal);
        Assert.Empty(StandIn.Violations());
    }

    [StandInFact]
    public void Abort_DoesNotReturn_IsSaidAfterItsTime()
    {
        StandIn.Begin("hang:ncclCommAbort:1:r0,stall:transfer:1:r0");
        string? stuck = null;
        var options = DeviceRanks.Quick with { EndTimeout = TimeSpan.FromSeconds(0.5), Stuck = text => stuck = text };
        var failures = DeviceRanks.Run(2, transport => Reduce(transport, steps: 1, deadline: TimeSpan.FromSeconds(0.5)), options: options);
        Assert.All(failures, failure => Assert.IsType<CollectiveException>(failure));
        Assert.Contains("rank 0 of 2", stuck, StringComparison.Ordinal);
    }

    [StandInFact]
    public void Exchange_InAnOpenGroupOfTheThread_IsFound()
    {
        StandIn.Begin();
        Assert.Equal(NcclResult.InvalidUsage, NcclNative.ncclGroupEnd());
        Assert.Contains(StandIn.Violations(), line => line.Contains("ncclGroupEnd without ncclGroupStart", StringComparison.Ordinal));
    }

    [StandInFact]
    public void Exchange_RanksThatDisagree_AreFoundByTheStandIn()
    {
        StandIn.Begin();
        var failures = DeviceRanks.Run(2, transport =>
        {
            using var arena = new Arena(Layout);
            long bytes = transport.Rank == 0 ? 64 : 128;
            var transfer = new Transfer(1 - transport.Rank, 9, arena.Address, bytes);
            transport.Device.Exchange(transport.Rank == 0 ? [transfer] : [], transport.Rank == 0 ? [] : [transfer], gather: null, Long);
            transport.Device.Await(TimeSpan.FromSeconds(2), CancellationToken.None);
            transport.Barrier(TimeSpan.FromSeconds(2), CancellationToken.None);
        });
        Assert.Contains(StandIn.Violations(), line => line.Contains("64", StringComparison.Ordinal) && line.Contains("128", StringComparison.Ordinal));
        Assert.NotNull(failures[1]);
    }

    private static void Reduce(NcclTransport transport, int steps, TimeSpan? deadline = null)
    {
        var plan = ShardPlan.Even(4, transport.Size);
        using var sum = new Arena(Layout);
        using var partial = new Arena(Layout);
        var shards = Numbers.Shards(4, (int)Layout.Length, seed: 3);
        var node = plan[transport.Rank].SubTrees().Single();
        Numbers.TreeSum(shards, node.Start, node.End).CopyTo(partial.Span(0, (int)Layout.Length));
        using var reduce = new TreeAllReduce(transport, plan, Layout.Length, new AllReduceOptions { BucketBytes = 4096 });
        for (int step = 0; step < steps; step++)
        {
            reduce.Run([new ShardPartial(node, partial)], sum, deadline ?? Long, CancellationToken.None);
            Assert.True(Numbers.SameBits(Numbers.TreeSum(shards, 0, 4), sum.Span(0, (int)Layout.Length)));
        }
    }
}
