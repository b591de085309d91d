using Diffusion.Native.Collectives;

namespace Diffusion.Worker.Training;

/// <summary>Tells an observer when an exchange begins and ends, so that a wait without end can be told by name. Owns the transport below.</summary>
internal sealed class WatchedTransport(IPeerTransport transport, Action<ulong?> changed) : IPeerTransport
{
    public int Rank => transport.Rank;

    public int Size => transport.Size;

    public CollectiveException? Failure => transport.Failure;

    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, TimeSpan deadline, CancellationToken cancellationToken)
    {
        // What is waited for says more than what is sent.
        changed(receives.IsEmpty ? sends.IsEmpty ? 0 : sends[0].Tag : receives[0].Tag);
        transport.Exchange(sends, receives, deadline, cancellationToken);
        changed(null);
    }

    public void Abort(string reason) => transport.Abort(reason);

    public void Dispose() => transport.Dispose();
}
