using Diffusion.Native.Collectives;

namespace Diffusion.Worker.Faults;

/// <summary>The transport of an all-reduce, which fails inside an exchange or between two.</summary>
internal sealed class FaultTransport(IPeerTransport transport, Func<long> step) : IPeerTransport
{
    private bool isAgreed;
    private long stepOfLast;

    public int Rank => transport.Rank;

    public int Size => transport.Size;

    public CollectiveException? Failure => transport.Failure;

    // Named points lie between exchanges of the CPU's memory.
    public IDeviceLink? Device => transport.Device;

    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, TimeSpan deadline, CancellationToken cancellationToken)
    {
        // Before its first bucket an all-reduce compares lengths, once.
        long present = step();
        if (!isAgreed)
        {
            isAgreed = true;
            transport.Exchange(sends, receives, deadline, cancellationToken);
            return;
        }

        if (stepOfLast == present)
        {
            FaultInjection.At(FaultPoint.BetweenBuckets, present);
        }

        stepOfLast = present;
        if (!FaultInjection.IsDue(FaultPoint.MidBucket, present))
        {
            transport.Exchange(sends, receives, deadline, cancellationToken);
            return;
        }

        int half = sends.Length / 2;
        transport.Exchange(sends[..half], receives, deadline, cancellationToken);
        FaultInjection.At(FaultPoint.MidBucket, present);
        transport.Exchange(sends[half..], [], deadline, cancellationToken);
    }

    public void Abort(string reason) => transport.Abort(reason);

    /// <summary>The transport stays its owner's.</summary>
    public void Dispose()
    {
    }
}
