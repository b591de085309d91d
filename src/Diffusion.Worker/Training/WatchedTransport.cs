using Diffusion.Native.Collectives;

namespace Diffusion.Worker.Training;

/// <summary>Tells an observer when an exchange begins and ends, so that a wait without end can be told by name. Owns the transport below.</summary>
internal sealed class WatchedTransport(IPeerTransport transport, Action<ulong?> changed) : IPeerTransport
{
    public int Rank => transport.Rank;

    public int Size => transport.Size;

    public CollectiveException? Failure => transport.Failure;

    public IDeviceLink? Device { get; } = transport.Device is { } link ? new WatchedLink(link, changed) : null;

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

/// <summary>The same between devices, where a rank waits only once for all that it has asked for.</summary>
internal sealed class WatchedLink(IDeviceLink link, Action<ulong?> changed) : IDeviceLink
{
    public IDeviceLane Lane => link.Lane;

    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, DeviceGather? gather, TimeSpan deadline) => link.Exchange(sends, receives, gather, deadline);

    public void AllReduce(nint address, long floats, TimeSpan deadline) => link.AllReduce(address, floats, deadline);

    public void Await(TimeSpan deadline, CancellationToken cancellationToken)
    {
        changed(Tags.Device);
        link.Await(deadline, cancellationToken);
        changed(null);
    }
}
