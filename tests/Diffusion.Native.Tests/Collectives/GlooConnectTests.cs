using Diffusion.Native.Collectives;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>Joining a group: what can go wrong before the first byte.</summary>
[Collection(RunsAlone.Name)]
public sealed class GlooConnectTests
{
    private static readonly GlooOptions Soon = new() { ConnectTimeout = TimeSpan.FromMilliseconds(400) };

    [GlooFact]
    public void Connect_PeerThatNeverComes_TimesOut()
    {
        CollectiveException? failure = null;
        var waited = Ranks.Time(() => failure = Assert.Throws<CollectiveException>(() => GlooTransport.Connect(0, 2, new InMemoryRendezvousStore(), "g", Soon, CancellationToken.None)));
        Assert.Equal((CollectiveFailure.TimedOut, 1), (failure!.Failure, failure.PeerRank ?? -1));
        Assert.InRange(waited.TotalMilliseconds, 380, 1200);
    }

    [GlooFact]
    public void Connect_PeerThatStopsHalfway_IsBounded()
    {
        // The peer publishes its addresses and then waits for a key that never comes. Who listens and who calls is up to the ports.
        var shared = new InMemoryRendezvousStore();
        var peer = new Thread(() => Assert.Throws<CollectiveException>(() => GlooTransport.Connect(1, 2, new OneWayStore(shared), "g", Soon, CancellationToken.None)));
        peer.Start();
        var waited = Ranks.Time(() =>
        {
            try
            {
                GlooTransport.Connect(0, 2, shared, "g", Soon, CancellationToken.None).Dispose();
            }
            catch (CollectiveException)
            {
                // The listening side waits in vain, the calling side finds a listener; both end in time.
            }
        });
        Assert.InRange(waited.TotalMilliseconds, 0, 1500);
        Assert.True(peer.Join(Ranks.Patience));
    }

    [GlooFact]
    public void Connect_Cancelled_EndsAtOnce()
    {
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        CollectiveException? failure = null;
        var waited = Ranks.Time(() => failure = Assert.Throws<CollectiveException>(() => GlooTransport.Connect(0, 2, new InMemoryRendezvousStore(), "g", null, cancel.Token)));
        Assert.Equal(CollectiveFailure.Aborted, failure!.Failure);
        Assert.InRange(waited.TotalMilliseconds, 80, 800);
    }

    [GlooFact]
    public void Connect_HostOfAnotherBox_IsRefused() => Assert.Contains(
        "192.0.2.1",
        Assert.Throws<ArgumentException>(() => GlooTransport.Connect(0, 2, new InMemoryRendezvousStore(), "g", new GlooOptions { Host = "192.0.2.1" }, CancellationToken.None)).Message,
        StringComparison.Ordinal);

    [GlooFact]
    public void Connect_UnknownInterface_IsRefused() => Assert.Contains(
        "nosuch0",
        Assert.Throws<ArgumentException>(() => GlooTransport.Connect(0, 2, new InMemoryRendezvousStore(), "g", new GlooOptions { Interface = "nosuch0" }, CancellationToken.None)).Message,
        StringComparison.Ordinal);

    [GlooFact]
    public void Connect_LoopbackInterface_Works()
    {
        var store = new InMemoryRendezvousStore();
        Exception? failed = null;
        void Join(int rank)
        {
            try
            {
                using var transport = GlooTransport.Connect(rank, 2, store, "g", new GlooOptions { Interface = "lo" }, CancellationToken.None);
                transport.Barrier(TimeSpan.FromSeconds(5), CancellationToken.None);
            }
            catch (Exception e)
            {
                failed = e;
            }
        }

        var other = new Thread(() => Join(1));
        other.Start();
        Join(0);
        Assert.True(other.Join(Ranks.Patience));
        Assert.Null(failed);
    }

    [Fact]
    public void Connect_RankOutsideTheGroup_Throws() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => GlooTransport.Connect(2, 2, new InMemoryRendezvousStore(), "g", null, CancellationToken.None));

    [GlooFact]
    public void Connect_GarbageInTheStore_IsRefused()
    {
        var store = new InMemoryRendezvousStore();
        store.Set("g/1", [255, 255, 255, 127, 1]);
        Assert.Throws<InvalidDataException>(() => GlooTransport.Connect(0, 2, store, "g", Soon, CancellationToken.None));
    }

    private sealed class OneWayStore(InMemoryRendezvousStore inner) : IRendezvousStore
    {
        private readonly InMemoryRendezvousStore empty = new();

        public void Set(string key, ReadOnlySpan<byte> value) => inner.Set(key, value);

        public byte[] Get(string key, TimeSpan timeout, CancellationToken cancellationToken) => empty.Get(key, timeout, cancellationToken);
    }
}
