namespace Diffusion.Native.Collectives.Nccl;

/// <summary>Exchanges the CPU's memory by way of the device's: for small records where nothing else connects the ranks.</summary>
internal sealed class StagedExchange(NcclLink link)
{
    /// <summary>Pieces begin at multiples of this in the device's memory.</summary>
    private const long Alignment = 256;

    private nint buffer;
    private long capacity;

    public void Run(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var time = Deadline.After(deadline);
        Reserve(Total(sends) + Total(receives));
        nint at = buffer;
        var outgoing = Place(sends, ref at);
        var incoming = Place(receives, ref at);
        for (int i = 0; i < outgoing.Length; i++)
        {
            link.Lane.Copy(outgoing[i].Address, sends[i].Address, sends[i].Bytes);
        }

        // Waited for in between: what fails leaves no copy behind that would still read or write the caller's memory.
        link.Await(time.ForNextWait, cancellationToken);
        link.Exchange(outgoing, incoming, gather: null, time.ForNextWait);
        link.Await(time.ForNextWait, cancellationToken);
        for (int i = 0; i < incoming.Length; i++)
        {
            link.Lane.Copy(receives[i].Address, incoming[i].Address, receives[i].Bytes);
        }

        link.Await(time.ForNextWait, cancellationToken);
    }

    private static long Total(ReadOnlySpan<Transfer> transfers)
    {
        long bytes = 0;
        foreach (var transfer in transfers)
        {
            bytes += Aligned(transfer.Bytes);
        }

        return bytes;
    }

    private static Transfer[] Place(ReadOnlySpan<Transfer> transfers, ref nint at)
    {
        var placed = transfers.ToArray();
        foreach (ref var transfer in placed.AsSpan())
        {
            transfer = transfer with { Address = at };
            at += (nint)Aligned(transfer.Bytes);
        }

        return placed;
    }

    private static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private void Reserve(long bytes)
    {
        if (bytes > capacity)
        {
            capacity = Math.Max(2 * bytes, 1 << 16);
            buffer = link.Lane.Allocate(capacity / sizeof(float));
        }
    }
}
