namespace Diffusion.Native.Collectives;

/// <summary>Moves the memory of the ranks' devices between them, in the order of <see cref="Lane"/>. Every rank asks for the same things in the same order.</summary>
/// <remarks>
/// Nothing here waits for other ranks but <see cref="Await"/>; until it has returned destinations hold anything. Failures are the transport's: the first ends it, for memory of both kinds.
/// Once a call has thrown nothing is written any more.
/// </remarks>
public interface IDeviceLink
{
    /// <summary>Where everything is done.</summary>
    IDeviceLane Lane { get; }

    /// <summary>Asks for transfers, all of them together.</summary>
    /// <param name="sends">Messages to other ranks; addresses are the device's.</param>
    /// <param name="receives">Messages from other ranks. Paired with sends by the order of their tags.</param>
    /// <param name="gather">A gather that goes with them, if any.</param>
    /// <param name="deadline">The longest time until the device has taken the order.</param>
    void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, DeviceGather? gather, TimeSpan deadline);

    /// <summary>Asks for the sum over all ranks, in an order of the library's choice.</summary>
    /// <param name="address">This rank's term, which the sum replaces.</param>
    /// <param name="floats">Length.</param>
    /// <param name="deadline">The longest time until the device has taken the order.</param>
    void AllReduce(nint address, long floats, TimeSpan deadline);

    /// <summary>Waits until everything asked for is done.</summary>
    /// <param name="deadline">The longest time to wait.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    /// <exception cref="CollectiveException">Aborted, timed out, or a peer was lost.</exception>
    /// <exception cref="DeviceFailedException">The device has failed.</exception>
    void Await(TimeSpan deadline, CancellationToken cancellationToken);
}

/// <summary>Every rank's slice to all ranks; slices are equal in length and lie in rank order.</summary>
/// <param name="Address">First float of rank 0's slice; the own slice is in its place.</param>
/// <param name="FloatsPerRank">Length of a slice.</param>
public readonly record struct DeviceGather(nint Address, long FloatsPerRank);
