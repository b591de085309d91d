namespace Diffusion.Native.Collectives;

/// <summary>One message between two ranks: raw memory, and the tag that pairs a send with its receive.</summary>
/// <param name="Peer">The other rank; never the own one.</param>
/// <param name="Tag">Pairs a send with the receive of the same tag on the other side. Messages of one tag arrive in order.</param>
/// <param name="Address">First byte of the memory, which stays put until the exchange returns.</param>
/// <param name="Bytes">Length in bytes, positive. A send and a receive of different lengths never pair: ranks that disagree get an exception, not each other's data.</param>
public readonly record struct Transfer(int Peer, ulong Tag, nint Address, long Bytes);

/// <summary>Moves raw memory between the ranks of one generation. The only thing collectives are written against.</summary>
/// <remarks>
/// The contract is liveness: every wait ends at once when the transport is aborted, when the deadline passes, or when a peer is lost.
/// The first failure is final: every later call throws the same failure at once, and so do waits in progress on other threads.
/// After a failure destinations hold anything; nothing is written to them once <see cref="Exchange"/> has returned.
/// </remarks>
public interface IPeerTransport : IDisposable
{
    /// <summary>This rank, 0 … <see cref="Size"/> − 1.</summary>
    int Rank { get; }

    /// <summary>Number of ranks.</summary>
    int Size { get; }

    /// <summary>The first failure, or null while the transport is usable.</summary>
    CollectiveException? Failure { get; }

    /// <summary>The way between the ranks' devices; null when memory of the CPU is all that travels. <see cref="Exchange"/> always takes the CPU's memory.</summary>
    IDeviceLink? Device => null;

    /// <summary>Starts all transfers together and returns when all are complete.</summary>
    /// <param name="sends">Messages to other ranks.</param>
    /// <param name="receives">Messages from other ranks.</param>
    /// <param name="deadline">The longest time to wait, from the call.</param>
    /// <param name="cancellationToken">Cancelling is <see cref="Abort"/>: the peers cannot know which half of the exchange took place.</param>
    /// <exception cref="CollectiveException">Aborted, timed out, or a peer was lost.</exception>
    /// <exception cref="ArgumentException">A transfer names a rank outside the group or the own one, or has no bytes.</exception>
    void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, TimeSpan deadline, CancellationToken cancellationToken);

    /// <summary>Ends every wait of this transport, now and later. Callable from any thread, any number of times; the first reason is kept.</summary>
    /// <param name="reason">One sentence that the exceptions carry.</param>
    void Abort(string reason);
}
