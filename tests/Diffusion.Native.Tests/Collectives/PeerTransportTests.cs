using System.Diagnostics;
using Diffusion.Native.Collectives;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>The contract of every transport.</summary>
[Collection(RunsAlone.Name)]
public sealed unsafe class PeerTransportTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(10);

    public static TheoryData<string> Kinds => Transports.All;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AllGather_OneToFourRanks_GivesEveryRecordInRankOrder(string kind)
    {
        for (int size = 1; size <= 4; size++)
        {
            int ranks = size;
            Ranks.RunAll(kind, size, transport =>
            {
                for (int round = 0; round < 20; round++)
                {
                    var values = transport.AllGather((Rank: (long)transport.Rank, Round: (long)round), Long, CancellationToken.None);
                    Assert.Equal(Enumerable.Range(0, ranks).Select(rank => ((long)rank, (long)round)), values);
                }
            });
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Broadcast_FromEveryRoot_CopiesItsMemory(string kind) => Ranks.RunAll(kind, 3, transport =>
    {
        var buffer = new float[100_003];
        for (int root = 0; root < 3; root++)
        {
            var expected = Numbers.Shard(root, buffer.Length, seed: 5);
            (transport.Rank == root ? expected : new float[buffer.Length]).CopyTo(buffer, 0);
            fixed (float* address = buffer)
            {
                transport.Broadcast((nint)address, buffer.Length * sizeof(float), root, Long, CancellationToken.None);
            }

            Assert.True(Numbers.SameBits(expected, buffer));
        }
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Exchange_SilentPeer_TimesOutAtTheDeadlineAndNamesIt(string kind)
    {
        var deadline = TimeSpan.FromMilliseconds(300);
        using var over = new ManualResetEventSlim();
        var failures = Ranks.Run(kind, 2, transport =>
        {
            if (transport.Rank == 1)
            {
                Assert.True(over.Wait(Ranks.Patience));
                return;
            }

            try
            {
                long start = Stopwatch.GetTimestamp();
                var failure = Assert.Throws<CollectiveException>(() => Receive(transport, 1, deadline));
                var waited = Stopwatch.GetElapsedTime(start);
                Assert.Equal((CollectiveFailure.TimedOut, 1, 7UL, 4L), (failure.Failure, failure.PeerRank ?? -1, failure.Tag ?? 0, failure.Bytes ?? 0));
                Assert.InRange(waited, deadline, deadline + TimeSpan.FromMilliseconds(250));
            }
            finally
            {
                over.Set();
            }
        });

        Assert.All(failures, failure => Assert.Null(failure));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Abort_FromAnotherThread_EndsTheWaitAtOnceAndForGood(string kind)
    {
        using var over = new ManualResetEventSlim();
        var failures = Ranks.Run(kind, 2, transport =>
        {
            if (transport.Rank == 1)
            {
                Assert.True(over.Wait(Ranks.Patience));
                return;
            }

            try
            {
                long aborted = 0;
                using var timer = new Timer(
                    _ =>
                    {
                        aborted = Stopwatch.GetTimestamp();
                        transport.Abort("the box burns");
                        transport.Abort("a later reason");
                    },
                    null, 150, Timeout.Infinite);
                var failure = Assert.Throws<CollectiveException>(() => Receive(transport, 1, Long));
                Assert.InRange(Stopwatch.GetElapsedTime(aborted), TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
                Assert.Equal((CollectiveFailure.Aborted, "the box burns"), (failure.Failure, failure.Message));

                var again = TimeSpan.MaxValue;
                again = Ranks.Time(() => Assert.Equal("the box burns", Assert.Throws<CollectiveException>(() => transport.Barrier(Long, CancellationToken.None)).Message));
                Assert.InRange(again, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
            }
            finally
            {
                over.Set();
            }
        });

        Assert.All(failures, failure => Assert.Null(failure));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Abort_OfOneRank_ReachesTheOthers(string kind)
    {
        var failures = Ranks.Run(kind, 3, transport =>
        {
            transport.Barrier(Long, CancellationToken.None);
            if (transport.Rank == 2)
            {
                transport.Abort("going down");
                return;
            }

            transport.Barrier(Long, CancellationToken.None);
        });

        Assert.Null(failures[2]);
        Assert.All(failures[..2], failure => Assert.Contains(Assert.IsType<CollectiveException>(failure).Failure, new[] { CollectiveFailure.PeerLost, CollectiveFailure.Aborted }));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Exchange_PeerLeaves_IsPeerLost(string kind)
    {
        var failures = Ranks.Run(kind, 2, transport =>
        {
            transport.Barrier(Long, CancellationToken.None);
            if (transport.Rank == 0)
            {
                Receive(transport, 1, Long);
            }
        });

        Assert.Null(failures[1]);
        var failure = Assert.IsType<CollectiveException>(failures[0]);
        Assert.Equal((CollectiveFailure.PeerLost, 1), (failure.Failure, failure.PeerRank ?? -1));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Exchange_Cancelled_IsAborted(string kind)
    {
        using var over = new ManualResetEventSlim();
        var failures = Ranks.Run(kind, 2, transport =>
        {
            if (transport.Rank == 1)
            {
                Assert.True(over.Wait(Ranks.Patience));
                return;
            }

            using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
            try
            {
                var failure = Assert.Throws<CollectiveException>(() => transport.Barrier(Long, cancel.Token));
                Assert.Equal(CollectiveFailure.Aborted, failure.Failure);
            }
            finally
            {
                over.Set();
            }
        });

        Assert.All(failures, failure => Assert.Null(failure));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Exchange_BadTransfer_IsRefusedAndHarmless(string kind) => Ranks.RunAll(kind, 2, transport =>
    {
        int value = 0;
        var good = new Transfer(1 - transport.Rank, 7, (nint)(&value), 4);
        foreach (var bad in new[] { good with { Peer = transport.Rank }, good with { Peer = 2 }, good with { Peer = -1 }, good with { Bytes = 0 }, good with { Address = 0 } })
        {
            Assert.Throws<ArgumentException>(() => transport.Exchange([bad], [], Long, CancellationToken.None));
            Assert.Throws<ArgumentException>(() => transport.Exchange([], [bad], Long, CancellationToken.None));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => transport.Exchange([good], [], TimeSpan.Zero, CancellationToken.None));
        transport.Barrier(Long, CancellationToken.None);
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Exchange_LengthsThatDiffer_NeverPair(string kind)
    {
        var failures = Ranks.Run(kind, 2, transport =>
        {
            var values = stackalloc long[2];
            long bytes = transport.Rank == 0 ? 16 : 8;
            transport.Exchange([new Transfer(1 - transport.Rank, 7, (nint)values, bytes)], [new Transfer(1 - transport.Rank, 8, (nint)values, 8)], TimeSpan.FromMilliseconds(300), CancellationToken.None);
            transport.Exchange([], [new Transfer(1 - transport.Rank, 7, (nint)values, 24 - bytes + 1)], TimeSpan.FromMilliseconds(300), CancellationToken.None);
        });

        Assert.All(failures, failure => Assert.IsType<CollectiveException>(failure));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Exchange_ManyMessagesOfOneTag_ArriveInOrder(string kind) => Ranks.RunAll(kind, 2, transport =>
    {
        const int count = 50;
        var mine = GC.AllocateArray<long>(count, pinned: true);
        var theirs = GC.AllocateArray<long>(count, pinned: true);
        fixed (long* first = mine, into = theirs)
        {
            var sends = new Transfer[count];
            var receives = new Transfer[count];
            for (int i = 0; i < count; i++)
            {
                mine[i] = (transport.Rank * 1000) + i;
                sends[i] = new Transfer(1 - transport.Rank, 9, (nint)(first + i), 8);
                receives[i] = new Transfer(1 - transport.Rank, 9, (nint)(into + i), 8);
            }

            transport.Exchange(sends, receives, Long, CancellationToken.None);
        }

        Assert.Equal(Enumerable.Range(0, count).Select(i => ((1L - transport.Rank) * 1000) + i), theirs);
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Dispose_DuringAnExchange_EndsIt(string kind)
    {
        using var over = new ManualResetEventSlim();
        var failures = Ranks.Run(kind, 2, transport =>
        {
            if (transport.Rank == 1)
            {
                Assert.True(over.Wait(Ranks.Patience));
                return;
            }

            try
            {
                using var timer = new Timer(_ => transport.Dispose(), null, 100, Timeout.Infinite);
                Assert.Throws<CollectiveException>(() => Receive(transport, 1, Long));
                transport.Abort("after the end");
                Assert.Throws<ObjectDisposedException>(() => transport.Barrier(Long, CancellationToken.None));
            }
            finally
            {
                over.Set();
            }
        });

        Assert.All(failures, failure => Assert.Null(failure));
    }

    private static void Receive(IPeerTransport transport, int peer, TimeSpan deadline)
    {
        int value = 0;
        transport.Exchange([], [new Transfer(peer, 7, (nint)(&value), 4)], deadline, CancellationToken.None);
    }
}
