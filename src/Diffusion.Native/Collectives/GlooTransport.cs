using System.Buffers.Binary;
using System.Net;

namespace Diffusion.Native.Collectives;

/// <summary>Ranks in other processes and on other boxes, over gloo's TCP transport. One transport per generation.</summary>
/// <remarks>
/// Every pair of ranks has a connection of its own on ephemeral ports, so the whole range must be open between the boxes.
/// When anything fails the connections are reset at once, so that the failure reaches every rank within milliseconds, also those that do not talk to the lost one.
/// </remarks>
public sealed unsafe class GlooTransport : IPeerTransport
{
    private const int MessageBytes = 512;
    private const string Remedy = "All ports from 1024 up must be open between the boxes, in both directions; if a box has several addresses, name the one that the others reach: worker --data-address ADDR.";
    private readonly GlooNative.MeshHandle mesh;
    private CollectiveException? failure;
    private int exchanges;
    private volatile Connecting? connecting;
    private bool disposed;

    private GlooTransport(GlooNative.MeshHandle mesh, int rank, int size)
    {
        this.mesh = mesh;
        Rank = rank;
        Size = size;
    }

    /// <summary>Whether the library is here.</summary>
    public static bool IsAvailable => GlooNative.WhyNot.Length == 0;

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <inheritdoc/>
    public CollectiveException? Failure => Volatile.Read(ref failure);

    /// <summary>Joins the group: publishes this rank's addresses in the store and connects to every other rank.</summary>
    /// <param name="rank">This rank.</param>
    /// <param name="size">Number of ranks.</param>
    /// <param name="store">Where the ranks of this generation find one another.</param>
    /// <param name="prefix">Prefix of the keys, unique to the generation: a rank of an older one must find nothing here.</param>
    /// <param name="options">Where to listen, and how long to try; null for this box.</param>
    /// <param name="cancellationToken">Ends the attempt at once.</param>
    /// <exception cref="CollectiveException">A rank did not come in time, cannot be reached, or the attempt was cancelled.</exception>
    /// <exception cref="PlatformNotSupportedException">The library is not here.</exception>
    public static GlooTransport Connect(int rank, int size, IRendezvousStore store, string prefix, GlooOptions? options, CancellationToken cancellationToken)
    {
        if (size < 1 || rank < 0 || rank >= size)
        {
            throw new ArgumentOutOfRangeException(nameof(rank), rank, $"Rank {rank} is not one of {size} ranks.");
        }

        if (!IsAvailable)
        {
            throw new PlatformNotSupportedException(GlooNative.WhyNot);
        }

        options ??= new GlooOptions();
        var time = Deadline.After(options.ConnectTimeout);
        var transport = Open(rank, size, options);
        try
        {
            // gloo waits for each peer in turn; the timer bounds the sum.
            using var cancel = cancellationToken.UnsafeRegister(static state => ((GlooTransport)state!).Abort("Cancelled by the caller while connecting."), transport);
            using var timer = new Timer(
                _ => transport.Fail(new CollectiveException(
                    CollectiveFailure.TimedOut,
                    $"{transport.connecting?.What ?? $"Rank {rank} of {size} did not hear of all others"} within {options.ConnectTimeout.TotalSeconds:0.###} s. {Remedy}",
                    transport.connecting?.Peer)),
                null, time.ForNextWait, Timeout.InfiniteTimeSpan);
            transport.JoinMesh(store, prefix, time, cancellationToken);
            return transport;
        }
        catch
        {
            transport.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, TimeSpan deadline, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        TransferRules.Check(sends, receives, Rank, Size);
        var time = Deadline.After(deadline);
        using var cancel = cancellationToken.UnsafeRegister(static state => ((GlooTransport)state!).Abort("Cancelled by the caller."), this);
        ThrowIfFailed();
        if (sends.IsEmpty && receives.IsEmpty)
        {
            return;
        }

        var outgoing = Convert(sends);
        var incoming = Convert(receives);
        int outcome = Exchange(outgoing, incoming, time, out var details);
        if (outcome != GlooNative.Done)
        {
            Fail(Explain(outcome, details, deadline));
            ThrowIfFailed();
        }
    }

    /// <inheritdoc/>
    public void Abort(string reason) => Fail(new CollectiveException(CollectiveFailure.Aborted, reason));

    /// <summary>Closes the connections. What has been sent is still delivered; an exchange in progress on another thread is aborted.</summary>
    public void Dispose()
    {
        disposed = true;
        if (Volatile.Read(ref exchanges) > 0)
        {
            Abort("Disposed during an exchange.");
        }

        mesh.Dispose();
    }

    private static GlooTransport Open(int rank, int size, GlooOptions options)
    {
        Span<byte> message = stackalloc byte[MessageBytes];
        fixed (byte* text = message)
        {
            string? host = options.Interface is null ? options.Host : null;
            var mesh = GlooNative.dg_open(rank, size, host, options.Interface, (long)options.ConnectTimeout.TotalMilliseconds, text, MessageBytes);
            return !mesh.IsInvalid
                ? new GlooTransport(mesh, rank, size)
                : throw new ArgumentException($"Cannot listen on {(options.Interface is null ? $"host \"{options.Host}\"" : $"interface \"{options.Interface}\"")}: {GlooNative.Text(message)}. Name an address or an interface of this box.", nameof(options));
        }
    }

    private static GlooNative.NativeTransfer[] Convert(ReadOnlySpan<Transfer> transfers)
    {
        var native = new GlooNative.NativeTransfer[transfers.Length];
        for (int i = 0; i < native.Length; i++)
        {
            var (peer, tag, address, bytes) = transfers[i];
            native[i] = new GlooNative.NativeTransfer { Peer = peer, Tag = tag, Address = address, Bytes = bytes };
        }

        return native;
    }

    private int Exchange(GlooNative.NativeTransfer[] outgoing, GlooNative.NativeTransfer[] incoming, Deadline time, out GlooNative.NativeFailure details)
    {
        GlooNative.NativeFailure failed;
        int outcome;
        Interlocked.Increment(ref exchanges);
        try
        {
            fixed (GlooNative.NativeTransfer* firstOut = outgoing, firstIn = incoming)
            {
                outcome = GlooNative.dg_exchange(mesh, firstOut, outgoing.Length, firstIn, incoming.Length, (long)Math.Ceiling(time.ForNextWait.TotalMilliseconds), &failed);
            }
        }
        finally
        {
            Interlocked.Decrement(ref exchanges);
        }

        details = failed;
        return outcome;
    }

    private static CollectiveException Explain(int outcome, in GlooNative.NativeFailure details, TimeSpan deadline)
    {
        string text;
        fixed (byte* message = details.Message)
        {
            text = GlooNative.Text(new ReadOnlySpan<byte>(message, GlooNative.NativeFailure.MessageBytes));
        }

        int? peer = details.Peer >= 0 ? details.Peer : null;
        string whom = peer is null ? "an unknown rank" : $"rank {peer}";
        string what = peer is null ? "" : $" ({(details.Sending != 0 ? "sending" : "receiving")}, tag {details.Tag:x}, {details.Bytes} bytes)";
        return outcome switch
        {
            GlooNative.Aborted => new CollectiveException(CollectiveFailure.Aborted, "Aborted."),
            GlooNative.TimedOut => new CollectiveException(CollectiveFailure.TimedOut, $"Waited {deadline.TotalSeconds:0.###} s for {whom}{what}.", peer, details.Tag, details.Bytes),
            _ => new CollectiveException(CollectiveFailure.PeerLost, $"Lost {whom}{what}: {text}", peer, details.Tag, details.Bytes),
        };
    }

    private void JoinMesh(IRendezvousStore store, string prefix, Deadline time, CancellationToken cancellationToken)
    {
        store.Set($"{prefix}/{Rank}", Addresses());
        for (int peer = 0; peer < Size; peer++)
        {
            if (peer != Rank)
            {
                byte[] published = Lookup(store, $"{prefix}/{peer}", peer, time, cancellationToken);
                ConnectTo(peer, Part(published, Rank, peer));
            }
        }
    }

    /// <summary>This rank's addresses, one for each peer: length in four bytes, then the bytes.</summary>
    private byte[] Addresses()
    {
        var all = new List<byte>();
        Span<byte> length = stackalloc byte[4];
        for (int peer = 0; peer < Size; peer++)
        {
            byte[] address = peer == Rank ? [] : AddressFor(peer);
            BinaryPrimitives.WriteInt32LittleEndian(length, address.Length);
            all.AddRange(length);
            all.AddRange(address);
        }

        return [.. all];
    }

    /// <summary>Where this rank listens for one peer.</summary>
    private byte[] AddressFor(int peer)
    {
        Span<byte> address = stackalloc byte[1024];
        fixed (byte* bytes = address)
        {
            int count = (int)GlooNative.dg_address(mesh, peer, bytes, address.Length);
            return count >= 0 ? address[..count].ToArray() : throw new InvalidOperationException($"gloo gave no address for rank {peer} that fits {address.Length} bytes.");
        }
    }

    /// <summary>gloo's address begins with the system's: family, port in network order, then the address.</summary>
    private static string Where(ReadOnlySpan<byte> address)
    {
        const int Internet = 2;
        const int Internet6 = 10;
        return address.Length < 24 ? "an unknown place" : BinaryPrimitives.ReadUInt16LittleEndian(address) switch
        {
            Internet => new IPEndPoint(new IPAddress(address.Slice(4, 4)), BinaryPrimitives.ReadUInt16BigEndian(address[2..])).ToString(),
            Internet6 => new IPEndPoint(new IPAddress(address.Slice(8, 16)), BinaryPrimitives.ReadUInt16BigEndian(address[2..])).ToString(),
            _ => "an unknown place",
        };
    }

    private static ReadOnlySpan<byte> Part(ReadOnlySpan<byte> published, int index, int peer)
    {
        for (; published.Length >= 4; index--)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(published);
            if (length < 0 || length > published.Length - 4)
            {
                break;
            }

            if (index == 0)
            {
                return published.Slice(4, length);
            }

            published = published[(4 + length)..];
        }

        throw new InvalidDataException($"Rank {peer} published no address for this rank; it must be of the same generation and group size.");
    }

    private static byte[] Lookup(IRendezvousStore store, string key, int peer, Deadline time, CancellationToken cancellationToken)
    {
        try
        {
            return store.Get(key, time.ForNextWait, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new CollectiveException(CollectiveFailure.TimedOut, $"Rank {peer} did not publish its address in time: {e.Message}", peer, inner: e);
        }
        catch (OperationCanceledException e)
        {
            throw new CollectiveException(CollectiveFailure.Aborted, "Cancelled by the caller while connecting.", peer, inner: e);
        }
    }

    private void ConnectTo(int peer, ReadOnlySpan<byte> address)
    {
        Span<byte> message = stackalloc byte[MessageBytes];
        connecting = new Connecting($"No connection between rank {Rank} at {Where(AddressFor(peer))} and rank {peer} at {Where(address)}", peer);
        fixed (byte* bytes = address, text = message)
        {
            int outcome = GlooNative.dg_connect(mesh, peer, bytes, address.Length, text, MessageBytes);
            if (outcome != GlooNative.Done)
            {
                ThrowIfFailed();
                throw new CollectiveException(CollectiveFailure.PeerLost, $"{connecting.What}: {GlooNative.Text(message)}. {Remedy}", peer);
            }
        }

        ThrowIfFailed();
    }

    private void Fail(CollectiveException reason)
    {
        if (Interlocked.CompareExchange(ref failure, reason, null) is not null)
        {
            return;
        }

        try
        {
            GlooNative.dg_abort(mesh);
        }
        catch (ObjectDisposedException)
        {
            // Aborting what is closed already is no error: a watchdog cannot know.
        }
    }

    private void ThrowIfFailed()
    {
        if (Failure is { } first)
        {
            throw TransferRules.Again(first);
        }
    }

    /// <summary>The connection that is being made, for the message should it not come about.</summary>
    private sealed record Connecting(string What, int Peer);
}
