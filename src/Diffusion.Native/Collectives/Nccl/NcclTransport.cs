using System.Buffers.Binary;

namespace Diffusion.Native.Collectives.Nccl;

/// <summary>Ranks with a device each: NCCL moves the devices' memory, another transport the CPU's. One transport per generation.</summary>
/// <remarks>
/// NCCL sees the death of a peer late, and within a box never; a transport of the CPU's memory sees it at once. So both fail together, whichever saw it first,
/// and records and digests, which are small, need no device. Where there is no such transport (no gloo), they go by way of the device's memory.
/// </remarks>
public sealed class NcclTransport : IPeerTransport
{
    private const int VersionBytes = sizeof(int);
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(1);
    private readonly IPeerTransport? host;
    private readonly IDeviceLane lane;
    private readonly NcclCommunicator communicator;
    private readonly NcclLink link;
    private readonly StagedExchange staging;
    private readonly ManualResetEventSlim failed = new();
    private Exception? failure;
    private readonly NcclOptions options;
    private bool released;
    private bool disposed;

    private NcclTransport(int rank, int size, IPeerTransport? host, IDeviceLane lane, NcclOptions options)
    {
        Rank = rank;
        Size = size;
        this.host = host;
        this.lane = lane;
        this.options = options;
        communicator = new NcclCommunicator(lane, rank, size, options);
        link = new NcclLink(this, communicator, lane);
        staging = new StagedExchange(link);
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <inheritdoc/>
    public CollectiveException? Failure => Volatile.Read(ref failure) switch
    {
        null => host?.Failure,
        CollectiveException known => known,
        var other => new CollectiveException(CollectiveFailure.Aborted, other.Message, inner: other),
    };

    /// <inheritdoc/>
    public IDeviceLink Device => link;

    /// <summary>Whether NCCL holds nothing of this generation any more.</summary>
    internal bool IsEnded => communicator.IsEnded;

    /// <summary>Joins the devices of ranks that are connected already. Takes the transport and the lane over, also when it fails.</summary>
    /// <param name="rank">This rank.</param>
    /// <param name="size">Number of ranks.</param>
    /// <param name="host">The connection of the same ranks for the CPU's memory; null where there is none.</param>
    /// <param name="lane">This rank's device.</param>
    /// <param name="store">Where rank 0 leaves the communicator's name for the others.</param>
    /// <param name="prefix">Prefix of the key, unique to the generation: a name is used once.</param>
    /// <param name="options">Times; null for the usual.</param>
    /// <param name="cancellationToken">Ends the attempt at once.</param>
    /// <exception cref="CollectiveException">A rank did not come in time, was lost, or the attempt was cancelled.</exception>
    /// <exception cref="PlatformNotSupportedException">NCCL is missing, too old, of another version than another rank's, or there twice.</exception>
    /// <exception cref="DeviceFailedException">The device has failed.</exception>
    public static NcclTransport Connect(
        int rank, int size, IPeerTransport? host, IDeviceLane lane, IRendezvousStore store, string prefix, NcclOptions? options, CancellationToken cancellationToken)
    {
        if (size < 1 || rank < 0 || rank >= size || (host is not null && (host.Rank, host.Size) != (rank, size)))
        {
            throw new ArgumentOutOfRangeException(nameof(rank), rank, $"Rank {rank} is not one of {size} ranks, or not that of the connection it comes with.");
        }

        options ??= new NcclOptions();
        NcclTransport? transport = null;
        try
        {
            RequireLibrary();
            transport = new NcclTransport(rank, size, host, lane, options);
            using var cancel = cancellationToken.UnsafeRegister(static state => ((NcclTransport)state!).Abort("Cancelled by the caller while connecting."), transport);
            transport.Join(store, $"{prefix}/nccl", Deadline.After(options.ConnectTimeout), cancellationToken);
            return transport;
        }
        catch (Exception e)
        {
            // A rank that cannot join is lost to all others.
            host?.Abort(e.Message);
            if (transport is not null)
            {
                transport.Abort(e.Message);
                transport.Dispose();
            }
            else
            {
                lane.Dispose();
                host?.Dispose();
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, TimeSpan deadline, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ThrowIfFailed();
        if (host is null)
        {
            staging.Run(sends, receives, deadline, cancellationToken);
            return;
        }

        try
        {
            host.Exchange(sends, receives, deadline, cancellationToken);
        }
        catch (CollectiveException e)
        {
            FailAndThrow(e);
        }
    }

    /// <inheritdoc/>
    public void Abort(string reason) => Fail(new CollectiveException(CollectiveFailure.Aborted, reason));

    /// <summary>Closes both connections, within the options' time.</summary>
    public void Dispose()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        communicator.Dispose();
        if (communicator.IsEnded)
        {
            lane.Dispose();
        }

        host?.Dispose();
        failed.Dispose();
    }

    internal void ThrowIfFailed()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if ((Volatile.Read(ref failure) ?? host?.Failure) is { } first)
        {
            FailAndThrow(first);
        }
    }

    /// <summary>Ends the transport, unless it has ended already, and throws why. By the rank's own thread: what it asked for may still be writing, and has stopped when this throws.</summary>
    internal void FailAndThrow(Exception reason)
    {
        Fail(reason);
        if (!released)
        {
            released = true;
            communicator.Abort();
            communicator.AwaitEnd();
            link.Drain(options.EndTimeout);
        }

        throw Volatile.Read(ref failure) switch
        {
            CollectiveException first => TransferRules.Again(first),
            DeviceFailedException first => new DeviceFailedException(first.Message, first),
            var other => new InvalidOperationException(other!.Message, other),
        };
    }

    /// <summary>A short rest between two looks, which a failure ends.</summary>
    internal void Pause() => failed.Wait(LookAgainAfter);

    private static void RequireLibrary()
    {
        if (!NcclLibrary.IsAvailable)
        {
            throw new PlatformNotSupportedException(NcclLibrary.WhyNot);
        }
    }

    private void Join(IRendezvousStore store, string key, Deadline time, CancellationToken cancellationToken)
    {
        lane.Bind();
        if (Rank == 0)
        {
            store.Set(key, Announcement(NcclCommunicator.NewId()));
        }

        var id = Named(Lookup(store, key, time, cancellationToken));
        ThrowIfFailed();
        communicator.Join(id, Rank, Size);
        link.Settle(time.ForNextWait, "joining");
    }

    /// <summary>Version and name: ranks with different versions do not understand one another.</summary>
    private static byte[] Announcement(NcclUniqueId id)
    {
        byte[] bytes = new byte[VersionBytes + NcclUniqueId.Bytes];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, NcclLibrary.VersionCode);
        ((ReadOnlySpan<byte>)id).CopyTo(bytes.AsSpan(VersionBytes));
        return bytes;
    }

    private NcclUniqueId Named(byte[] announcement)
    {
        if (announcement.Length != VersionBytes + NcclUniqueId.Bytes)
        {
            throw new InvalidDataException($"Rank 0 left {announcement.Length} bytes as the communicator's name; a version and a name are {VersionBytes + NcclUniqueId.Bytes}.");
        }

        int version = BinaryPrimitives.ReadInt32LittleEndian(announcement);
        if (version != NcclLibrary.VersionCode)
        {
            throw new PlatformNotSupportedException($"Rank 0 has NCCL {NcclLibrary.VersionText(version)} and rank {Rank} {NcclLibrary.Version}; all boxes need the same. Install the same PyTorch or libtorch on both.");
        }

        var id = default(NcclUniqueId);
        announcement.AsSpan(VersionBytes).CopyTo(id);
        return id;
    }

    private static byte[] Lookup(IRendezvousStore store, string key, Deadline time, CancellationToken cancellationToken)
    {
        try
        {
            return store.Get(key, time.ForNextWait, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new CollectiveException(CollectiveFailure.TimedOut, $"Rank 0 did not name the communicator in time: {e.Message}", 0, inner: e);
        }
        catch (OperationCanceledException e)
        {
            throw new CollectiveException(CollectiveFailure.Aborted, "Cancelled by the caller while connecting.", inner: e);
        }
    }

    private void Fail(Exception reason)
    {
        if (Interlocked.CompareExchange(ref failure, reason, null) is not null)
        {
            return;
        }

        // The other half first: it tells the other ranks.
        host?.Abort(reason.Message);
        communicator.Abort();
        try
        {
            failed.Set();
        }
        catch (ObjectDisposedException)
        {
            // A watchdog cannot know that this has just been closed.
        }
    }
}
