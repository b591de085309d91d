using System.Runtime.CompilerServices;

namespace Diffusion.Native.Collectives;

/// <summary>Small collectives over any transport. Every rank calls them in the same order.</summary>
public static class PeerTransportExtensions
{
    private const long BroadcastChunkBytes = 32 << 20;

    /// <summary>Gives every rank everybody's record, in rank order.</summary>
    /// <typeparam name="T">A fixed-size record without references.</typeparam>
    /// <param name="transport">The group.</param>
    /// <param name="value">This rank's record.</param>
    /// <param name="deadline">The longest time to wait.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public static unsafe T[] AllGather<T>(this IPeerTransport transport, T value, TimeSpan deadline, CancellationToken cancellationToken)
        where T : unmanaged
    {
        int size = transport.Size;
        int bytes = Unsafe.SizeOf<T>();
        var values = GC.AllocateUninitializedArray<T>(size, pinned: true);
        values[transport.Rank] = value;
        var sends = new Transfer[size - 1];
        var receives = new Transfer[size - 1];
        fixed (T* first = values)
        {
            for (int peer = 0, i = 0; peer < size; peer++)
            {
                if (peer != transport.Rank)
                {
                    sends[i] = new Transfer(peer, Tags.AllGather, (nint)(first + transport.Rank), bytes);
                    receives[i++] = new Transfer(peer, Tags.AllGather, (nint)(first + peer), bytes);
                }
            }

            transport.Exchange(sends, receives, deadline, cancellationToken);
        }

        return values;
    }

    /// <summary>Returns when every rank has called it.</summary>
    /// <param name="transport">The group.</param>
    /// <param name="deadline">The longest time to wait.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public static void Barrier(this IPeerTransport transport, TimeSpan deadline, CancellationToken cancellationToken) =>
        transport.AllGather(0L, deadline, cancellationToken);

    /// <summary>Copies one rank's memory to all others.</summary>
    /// <param name="transport">The group.</param>
    /// <param name="address">First byte; read on the root, written elsewhere.</param>
    /// <param name="bytes">Length, the same on every rank.</param>
    /// <param name="root">The rank whose memory is copied.</param>
    /// <param name="deadline">The longest time to wait, for the whole of it.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public static void Broadcast(this IPeerTransport transport, nint address, long bytes, int root, TimeSpan deadline, CancellationToken cancellationToken) =>
        transport.Broadcast(address, bytes, root, [.. Enumerable.Range(0, transport.Size).Where(peer => peer != root)], deadline, cancellationToken);

    /// <summary>Copies one rank's memory to some others. Ranks that are neither do nothing.</summary>
    /// <param name="transport">The group.</param>
    /// <param name="address">First byte; read on the root, written on the receivers.</param>
    /// <param name="bytes">Length, the same on every rank.</param>
    /// <param name="root">The rank whose memory is copied.</param>
    /// <param name="receivers">Ranks that get it, the same on every rank; the root is none of them.</param>
    /// <param name="deadline">The longest time to wait, for the whole of it.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public static void Broadcast(this IPeerTransport transport, nint address, long bytes, int root, IReadOnlyCollection<int> receivers, TimeSpan deadline, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (root < 0 || root >= transport.Size)
        {
            throw new ArgumentOutOfRangeException(nameof(root), root, $"Rank {root} is not one of the {transport.Size} ranks.");
        }

        if (transport.Rank != root && !receivers.Contains(transport.Rank))
        {
            return;
        }

        var time = Deadline.After(deadline);
        for (long done = 0; done < bytes; done += BroadcastChunkBytes)
        {
            var chunk = new Transfer(root, Tags.Broadcast, address + (nint)done, Math.Min(BroadcastChunkBytes, bytes - done));
            if (transport.Rank == root)
            {
                var sends = receivers.Select(peer => chunk with { Peer = peer }).ToArray();
                transport.Exchange(sends, [], time.ForNextWait, cancellationToken);
            }
            else
            {
                transport.Exchange([], [chunk], time.ForNextWait, cancellationToken);
            }
        }
    }
}
