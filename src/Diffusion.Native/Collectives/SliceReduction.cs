using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Diffusion.Native.Collectives;

/// <summary>
/// The data plane of both all-reduces: the arena goes through in buckets, each bucket is cut into one slice per rank, the owner of a slice receives everybody's
/// sources of it, adds them in a fixed order and sends the result to all. The gather of one bucket travels together with the scatter of the next.
/// Buckets go from the arena's end to its beginning, as backward completes them, and where they are cut changes no sum.
/// </summary>
internal sealed class SliceReduction : IDisposable
{
    private readonly IPeerTransport transport;
    private readonly int[] sourcesByRank;
    private readonly int[] merges;
    private readonly long length;
    private readonly BucketCut cut;
    private readonly string description;
    private readonly List<Transfer> sends = [];
    private readonly List<Transfer> receives = [];
    private readonly nint[] slots;
    private readonly nint[] received = [0, 0];
    private readonly HostSlices host;
    private ISliceMemory? memory;
    private nint[] present = [];
    private nint destination;
    private long next;
    private Arena[]? staging;
    private bool agreed;

    public SliceReduction(IPeerTransport transport, int[] sourcesByRank, int[] merges, long length, string order, AllReduceOptions options)
    {
        this.transport = transport;
        this.sourcesByRank = sourcesByRank;
        this.merges = merges;
        this.length = length;
        cut = new BucketCut(length, options, transport.Size);
        description = $"{length} floats, {order}, buckets of {options.BucketBytes} bytes";
        slots = new nint[merges.Length];
        host = new HostSlices(transport, options.Threads);
    }

    /// <summary>Arenas, from any device: between devices that are linked directly, else through a copy in the CPU's memory.</summary>
    public void Run(IReadOnlyList<Arena> sources, Arena target, TimeSpan deadline, CancellationToken cancellationToken)
    {
        if (transport.Size == 1 && sources.Count == 1)
        {
            // One rank's only sum is the whole, and stays on its device.
            RequireFit(sources, target);
            CopyUnlessThere(sources[0], target);
            return;
        }

        if (Begin(sources, target, deadline, cancellationToken))
        {
            End(deadline, cancellationToken);
            return;
        }

        staging ??= [.. Enumerable.Range(0, Math.Max(1, sources.Count)).Select(_ => new Arena(target.Layout))];
        for (int i = 0; i < sources.Count; i++)
        {
            staging[i].CopyFrom(sources[i]);
        }

        Run(staging.Take(sources.Count).Select(arena => arena.Address).ToArray(), staging[0].Address, deadline, cancellationToken);
        target.CopyFrom(staging[0]);
    }

    public void Run(ReadOnlySpan<nint> sources, nint target, TimeSpan deadline, CancellationToken cancellationToken)
    {
        Begin(host, sources, target, deadline, cancellationToken);
        End(deadline, cancellationToken);
    }

    /// <summary>Starts a sum of which not all terms need to be there yet. False, and nothing done, when the arenas can only go through a copy.</summary>
    public bool Begin(IReadOnlyList<Arena> sources, Arena target, TimeSpan deadline, CancellationToken cancellationToken)
    {
        RequireFit(sources, target);
        if (transport.Device is { } link && link.Lane.Reaches(target) && sources.All(link.Lane.Reaches))
        {
            Begin(memory as DeviceSlices ?? new DeviceSlices(link), [.. sources.Select(link.Lane.AddressOf)], link.Lane.AddressOf(target), deadline, cancellationToken);
            return true;
        }

        bool onCpu = target.IsOnCpu && sources.All(source => source.IsOnCpu);
        if (onCpu)
        {
            Begin(host, [.. sources.Select(source => source.Address)], target.Address, deadline, cancellationToken);
        }

        return onCpu;
    }

    /// <summary>The terms are there from a float of the arena to its end: whatever buckets lie in it may go.</summary>
    public void Advance(long from, TimeSpan deadline, CancellationToken cancellationToken)
    {
        long first = next;
        while (next < cut.Count && cut.Start(next) >= from)
        {
            if (next == first)
            {
                memory!.Begin();
            }

            Step(next++, deadline, cancellationToken);
        }
    }

    /// <summary>All terms are there; returns when the sum is.</summary>
    public void End(TimeSpan deadline, CancellationToken cancellationToken)
    {
        Advance(0, deadline, cancellationToken);
        Step(next, deadline, cancellationToken);
        memory!.End(deadline, cancellationToken);
    }

    public void Dispose()
    {
        FreeReceived();
        foreach (var arena in staging ?? [])
        {
            arena.Dispose();
        }

        staging = null;
    }

    private void RequireFit(IReadOnlyList<Arena> sources, Arena target)
    {
        foreach (var source in sources)
        {
            target.RequireSameLayout(source);
        }

        if (target.Length != length)
        {
            throw new ArgumentException($"The arena has {target.Length} floats and the all-reduce was made for {length}.", nameof(target));
        }
    }

    private static void CopyUnlessThere(Arena source, Arena target)
    {
        if (!ReferenceEquals(source, target))
        {
            target.CopyFrom(source);
        }
    }

    private void Begin(ISliceMemory where, ReadOnlySpan<nint> sources, nint target, TimeSpan deadline, CancellationToken cancellationToken)
    {
        if (sources.Length != sourcesByRank[transport.Rank])
        {
            throw new ArgumentException($"Rank {transport.Rank} brings {sourcesByRank[transport.Rank]} partial sums by plan and was given {sources.Length}.", nameof(sources));
        }

        if (!ReferenceEquals(memory, where))
        {
            FreeReceived();
            memory = where;
        }

        present = sources.ToArray();
        destination = target;
        next = 0;
        Agree(Deadline.After(deadline), cancellationToken);
    }

    // One after the last bucket: only the gather of that one is left.
    private void Step(long bucket, TimeSpan deadline, CancellationToken cancellationToken)
    {
        sends.Clear();
        receives.Clear();
        DeviceGather? gather = null;
        if (bucket > 0)
        {
            Combine(bucket - 1);
            gather = WholeGather(bucket - 1);
            if (gather is null)
            {
                AddGather(bucket - 1);
            }
        }

        if (bucket < cut.Count)
        {
            AddScatter(bucket);
        }

        memory!.Exchange(CollectionsMarshal.AsSpan(sends), CollectionsMarshal.AsSpan(receives), gather, deadline, cancellationToken);
    }

    private void FreeReceived()
    {
        foreach (ref nint buffer in received.AsSpan())
        {
            if (buffer != 0)
            {
                memory!.Free(buffer);
            }

            buffer = 0;
        }
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

    private void AddScatter(long bucket)
    {
        long own = cut.Slice(bucket, transport.Rank).Count;
        nint buffer = Received(bucket);
        for (int peer = 0; peer < transport.Size; peer++)
        {
            if (peer == transport.Rank)
            {
                continue;
            }

            var (peerStart, peerCount) = cut.Slice(bucket, peer);
            for (int i = 0; i < present.Length && peerCount > 0; i++)
            {
                sends.Add(new Transfer(peer, Tags.Scatter(bucket, i), At(present[i], peerStart), peerCount * sizeof(float)));
            }

            for (int i = 0; i < sourcesByRank[peer] && own > 0; i++)
            {
                receives.Add(new Transfer(peer, Tags.Scatter(bucket, i), buffer, own * sizeof(float)));
                buffer = At(buffer, own);
            }
        }
    }

    private void Combine(long bucket)
    {
        var (start, own) = cut.Slice(bucket, transport.Rank);
        if (own == 0)
        {
            return;
        }

        nint buffer = Received(bucket);
        int slot = 0;
        for (int rank = 0; rank < transport.Size; rank++)
        {
            for (int i = 0; i < sourcesByRank[rank]; i++)
            {
                if (rank == transport.Rank)
                {
                    slots[slot++] = At(present[i], start);
                }
                else
                {
                    slots[slot++] = buffer;
                    buffer = At(buffer, own);
                }
            }
        }

        memory!.Sum(At(destination, start), slots, merges, own);
    }

    /// <summary>A bucket of equal slices, where one call gathers them.</summary>
    private DeviceGather? WholeGather(long bucket)
    {
        var (start, own) = cut.Slice(bucket, 0);
        return memory!.GathersWhole && transport.Size > 1 && cut.IsEven(bucket) ? new DeviceGather(At(destination, start), own) : null;
    }

    private void AddGather(long bucket)
    {
        var (start, own) = cut.Slice(bucket, transport.Rank);
        for (int peer = 0; peer < transport.Size; peer++)
        {
            if (peer == transport.Rank)
            {
                continue;
            }

            if (own > 0)
            {
                sends.Add(new Transfer(peer, Tags.Gather(bucket), At(destination, start), own * sizeof(float)));
            }

            var (peerStart, peerCount) = cut.Slice(bucket, peer);
            if (peerCount > 0)
            {
                receives.Add(new Transfer(peer, Tags.Gather(bucket), At(destination, peerStart), peerCount * sizeof(float)));
            }
        }
    }

    /// <summary>Receive buffer of a bucket; two take turns, because the scatter of the next bucket arrives while this one is gathered.</summary>
    private nint Received(long bucket)
    {
        ref nint buffer = ref received[bucket & 1];
        if (buffer == 0)
        {
            long remote = merges.Length - sourcesByRank[transport.Rank];
            buffer = memory!.Allocate(Math.Max(BucketCut.SliceAlignment, remote * cut.LongestSlice));
        }

        return buffer;
    }

    private static nint At(nint address, long floats) => address + (nint)(floats * sizeof(float));
}
