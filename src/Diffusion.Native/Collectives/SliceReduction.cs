using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Diffusion.Native.Collectives;

/// <summary>
/// The data plane of both all-reduces: the arena goes through in buckets, each bucket is cut into one slice per rank, the owner of a slice receives everybody's
/// sources of it, adds them in a fixed order and sends the result to all. The gather of one bucket travels together with the scatter of the next.
/// </summary>
internal sealed unsafe class SliceReduction : IDisposable
{
    private const int SliceAlignment = 16;
    private readonly IPeerTransport transport;
    private readonly int[] sourcesByRank;
    private readonly int[] merges;
    private readonly long length;
    private readonly AllReduceOptions options;
    private readonly long bucketFloats;
    private readonly string description;
    private readonly List<Transfer> sends = [];
    private readonly List<Transfer> receives = [];
    private readonly nint[] slots;
    private float*[] received = [null, null];
    private Arena[]? staging;
    private bool agreed;

    public SliceReduction(IPeerTransport transport, int[] sourcesByRank, int[] merges, long length, string order, AllReduceOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        if (options.BucketBytes < 4096 || options.Threads < 1)
        {
            throw new ArgumentException($"Buckets of {options.BucketBytes} bytes and {options.Threads} threads; buckets need at least 4096 bytes and adding at least one thread.", nameof(options));
        }

        this.transport = transport;
        this.sourcesByRank = sourcesByRank;
        this.merges = merges;
        this.length = length;
        this.options = options;
        bucketFloats = Math.Min(length, options.BucketBytes / sizeof(float));
        description = $"{length} floats, {order}, buckets of {options.BucketBytes} bytes";
        slots = new nint[merges.Length];
    }

    /// <summary>Arenas, from any device: what is not in the CPU's memory goes through a copy that is.</summary>
    public void Run(IReadOnlyList<Arena> sources, Arena destination, TimeSpan deadline, CancellationToken cancellationToken)
    {
        foreach (var source in sources)
        {
            destination.RequireSameLayout(source);
        }

        if (destination.Length != length)
        {
            throw new ArgumentException($"The arena has {destination.Length} floats and the all-reduce was made for {length}.", nameof(destination));
        }

        if (destination.IsOnCpu && sources.All(source => source.IsOnCpu))
        {
            Run(sources.Select(source => source.Address).ToArray(), destination.Address, deadline, cancellationToken);
            return;
        }

        staging ??= [.. Enumerable.Range(0, Math.Max(1, sources.Count)).Select(_ => new Arena(destination.Layout))];
        for (int i = 0; i < sources.Count; i++)
        {
            staging[i].CopyFrom(sources[i]);
        }

        Run(staging.Take(sources.Count).Select(arena => arena.Address).ToArray(), staging[0].Address, deadline, cancellationToken);
        destination.CopyFrom(staging[0]);
    }

    public void Run(ReadOnlySpan<nint> sources, nint destination, TimeSpan deadline, CancellationToken cancellationToken)
    {
        if (sources.Length != sourcesByRank[transport.Rank])
        {
            throw new ArgumentException($"Rank {transport.Rank} brings {sourcesByRank[transport.Rank]} partial sums by plan and was given {sources.Length}.", nameof(sources));
        }

        var time = Deadline.After(deadline);
        Agree(time, cancellationToken);
        long buckets = (length + bucketFloats - 1) / bucketFloats;
        for (long bucket = 0; bucket <= buckets; bucket++)
        {
            sends.Clear();
            receives.Clear();
            if (bucket > 0)
            {
                Combine(sources, destination, bucket - 1);
                AddGather(destination, bucket - 1);
            }

            if (bucket < buckets)
            {
                AddScatter(sources, bucket);
            }

            transport.Exchange(CollectionsMarshal.AsSpan(sends), CollectionsMarshal.AsSpan(receives), deadline, cancellationToken);
        }
    }

    public void Dispose()
    {
        foreach (float* buffer in received)
        {
            NativeMemory.AlignedFree(buffer);
        }

        received = [null, null];
        foreach (var arena in staging ?? [])
        {
            arena.Dispose();
        }

        staging = null;
    }

    /// <summary>Ranks that disagree about plan or length would write past each other's buffers; they find out here, once.</summary>
    private void Agree(Deadline time, CancellationToken cancellationToken)
    {
        if (agreed)
        {
            return;
        }

        long digest = BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes(description)));
        long[] digests = transport.AllGather(digest, time.ForNextWait, cancellationToken);
        int other = Array.FindIndex(digests, d => d != digest);
        if (other >= 0)
        {
            string message = $"Rank {transport.Rank} would reduce {description}, rank {other} something else; every rank needs the plan, length and options of one generation.";
            transport.Abort(message);
            throw new InvalidOperationException(message);
        }

        agreed = true;
    }

    private void AddScatter(ReadOnlySpan<nint> sources, long bucket)
    {
        var (start, own) = Slice(bucket, transport.Rank);
        float* buffer = Received(bucket);
        for (int peer = 0; peer < transport.Size; peer++)
        {
            if (peer == transport.Rank)
            {
                continue;
            }

            var (peerStart, peerCount) = Slice(bucket, peer);
            for (int i = 0; i < sources.Length && peerCount > 0; i++)
            {
                sends.Add(new Transfer(peer, Tags.Scatter(bucket, i), sources[i] + (nint)(peerStart * sizeof(float)), peerCount * sizeof(float)));
            }

            for (int i = 0; i < sourcesByRank[peer] && own > 0; i++)
            {
                receives.Add(new Transfer(peer, Tags.Scatter(bucket, i), (nint)buffer, own * sizeof(float)));
                buffer += own;
            }
        }
    }

    private void Combine(ReadOnlySpan<nint> sources, nint destination, long bucket)
    {
        var (start, own) = Slice(bucket, transport.Rank);
        if (own == 0)
        {
            return;
        }

        float* buffer = Received(bucket);
        int slot = 0;
        for (int rank = 0; rank < transport.Size; rank++)
        {
            for (int i = 0; i < sourcesByRank[rank]; i++)
            {
                if (rank == transport.Rank)
                {
                    slots[slot++] = sources[i] + (nint)(start * sizeof(float));
                }
                else
                {
                    slots[slot++] = (nint)buffer;
                    buffer += own;
                }
            }
        }

        BufferKernels.SumInOrder(destination + (nint)(start * sizeof(float)), slots, merges, own, options.Threads);
    }

    private void AddGather(nint destination, long bucket)
    {
        var (start, own) = Slice(bucket, transport.Rank);
        for (int peer = 0; peer < transport.Size; peer++)
        {
            if (peer == transport.Rank)
            {
                continue;
            }

            if (own > 0)
            {
                sends.Add(new Transfer(peer, Tags.Gather(bucket), destination + (nint)(start * sizeof(float)), own * sizeof(float)));
            }

            var (peerStart, peerCount) = Slice(bucket, peer);
            if (peerCount > 0)
            {
                receives.Add(new Transfer(peer, Tags.Gather(bucket), destination + (nint)(peerStart * sizeof(float)), peerCount * sizeof(float)));
            }
        }
    }

    /// <summary>The part of a bucket that a rank owns: first float in the arena, and how many.</summary>
    private (long Start, long Count) Slice(long bucket, int rank)
    {
        long start = bucket * bucketFloats;
        long count = Math.Min(bucketFloats, length - start);
        long per = ((count + transport.Size - 1) / transport.Size + SliceAlignment - 1) / SliceAlignment * SliceAlignment;
        long from = Math.Min(count, per * rank);
        return (start + from, Math.Min(count, per * (rank + 1)) - from);
    }

    /// <summary>Receive buffer of a bucket; two take turns, because the scatter of the next bucket arrives while this one is gathered.</summary>
    private float* Received(long bucket)
    {
        ref float* buffer = ref received[bucket & 1];
        if (buffer == null)
        {
            long remote = merges.Length - sourcesByRank[transport.Rank];
            long per = (bucketFloats / transport.Size) + (2 * SliceAlignment);
            buffer = (float*)NativeMemory.AlignedAlloc((nuint)Math.Max(64, remote * per * sizeof(float)), 64);
        }

        return buffer;
    }
}
