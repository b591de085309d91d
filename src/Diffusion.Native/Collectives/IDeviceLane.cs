namespace Diffusion.Native.Collectives;

/// <summary>A device's memory and a queue of work on it, beside the one that computes. What is asked of it happens in order, later; the calling thread does not wait.</summary>
/// <remarks>Used by one rank's thread, but for <see cref="Bind"/>.</remarks>
public interface IDeviceLane : IDisposable
{
    /// <summary>The stream as libraries of CUDA take it.</summary>
    nint Handle { get; }

    /// <summary>Whether everything asked for up to <see cref="Mark"/> is done.</summary>
    /// <exception cref="DeviceFailedException">The device has failed.</exception>
    bool IsMarkReached { get; }

    /// <summary>Makes the calling thread one of this device's, for libraries of CUDA.</summary>
    void Bind();

    /// <summary>Whether an arena lies in this device's memory.</summary>
    /// <param name="arena">Any arena.</param>
    bool Reaches(Arena arena);

    /// <summary>Address of an arena's first float on the device. The arena outlives what is asked for with it.</summary>
    /// <param name="arena">An arena in reach.</param>
    nint AddressOf(Arena arena);

    /// <summary>Takes memory on the device until the lane is closed: what failed half-way may still be writing there.</summary>
    /// <param name="floats">How much.</param>
    nint Allocate(long floats);

    /// <summary>What is asked for from here on comes after everything the device has been asked to compute so far.</summary>
    void Follow();

    /// <summary>What the device is asked to compute from here on comes after everything asked for so far.</summary>
    void Lead();

    /// <summary>Remembers how much has been asked for, for <see cref="IsMarkReached"/>.</summary>
    void Mark();

    /// <summary>Copies memory; either may be the CPU's, and stays put until it is done.</summary>
    /// <param name="destination">First byte of the copy.</param>
    /// <param name="source">First byte to copy.</param>
    /// <param name="bytes">Length.</param>
    void Copy(nint destination, nint source, long bytes);

    /// <summary>Pushes the sources on a stack one by one; after source i its two topmost entries are added merges[i] times; the one that remains goes to the destination.</summary>
    /// <param name="destination">Address of the sum. May be one of the sources.</param>
    /// <param name="sources">Addresses of the terms, which stay as they are.</param>
    /// <param name="merges">As <see cref="TreeAllReduce"/> orders them.</param>
    /// <param name="count">Floats of each.</param>
    void SumInOrder(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count);
}

/// <summary>A device has stopped working in the middle of a run. The process is of no more use for it; others go on.</summary>
public sealed class DeviceFailedException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">Which device, and what it answered.</param>
    /// <param name="inner">What was thrown below, if anything.</param>
    public DeviceFailedException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
