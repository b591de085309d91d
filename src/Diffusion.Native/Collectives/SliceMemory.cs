using System.Runtime.InteropServices;

namespace Diffusion.Native.Collectives;

/// <summary>Where the slices of an all-reduce are, how they travel and are added: the CPU's memory or a device's. The order of the additions is not theirs to choose.</summary>
internal interface ISliceMemory
{
    /// <summary>Whether equal slices are better gathered by one call than by messages.</summary>
    bool GathersWhole { get; }

    nint Allocate(long floats);

    void Free(nint address);

    /// <summary>What the sources hold now is what counts.</summary>
    void Begin();

    void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, DeviceGather? gather, TimeSpan deadline, CancellationToken cancellationToken);

    void Sum(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count);

    /// <summary>Returns when the sum is there.</summary>
    void End(TimeSpan deadline, CancellationToken cancellationToken);
}

/// <summary>Memory of the CPU: everything is done when its call returns.</summary>
internal sealed unsafe class HostSlices(IPeerTransport transport, int threads) : ISliceMemory
{
    public bool GathersWhole => false;

    public nint Allocate(long floats) => (nint)NativeMemory.AlignedAlloc((nuint)(floats * sizeof(float)), 64);

    public void Free(nint address) => NativeMemory.AlignedFree((void*)address);

    public void Begin()
    {
    }

    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, DeviceGather? gather, TimeSpan deadline, CancellationToken cancellationToken) =>
        transport.Exchange(sends, receives, deadline, cancellationToken);

    public void Sum(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count) => BufferKernels.SumInOrder(destination, sources, merges, count, threads);

    public void End(TimeSpan deadline, CancellationToken cancellationToken)
    {
    }
}

/// <summary>Memory of a device: everything is put into its stream's queue, and waited for once.</summary>
internal sealed class DeviceSlices(IDeviceLink link) : ISliceMemory
{
    public bool GathersWhole => true;

    public nint Allocate(long floats) => link.Lane.Allocate(floats);

    // The lane keeps it: after a failure the device may still be at work.
    public void Free(nint address)
    {
    }

    public void Begin() => link.Lane.Follow();

    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, DeviceGather? gather, TimeSpan deadline, CancellationToken cancellationToken) =>
        link.Exchange(sends, receives, gather, deadline);

    public void Sum(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count) => link.Lane.SumInOrder(destination, sources, merges, count);

    public void End(TimeSpan deadline, CancellationToken cancellationToken)
    {
        link.Lane.Lead();
        link.Await(deadline, cancellationToken);
    }
}
