namespace Diffusion.Native.Collectives;

/// <summary>What every transport checks and does alike.</summary>
internal static class TransferRules
{
    public static void Check(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, int rank, int size)
    {
        foreach (var transfer in sends)
        {
            Check(transfer, "send to", rank, size);
        }

        foreach (var transfer in receives)
        {
            Check(transfer, "receive from", rank, size);
        }
    }

    /// <summary>The same failure for another caller; an exception object is thrown once.</summary>
    public static CollectiveException Again(CollectiveException first) =>
        new(first.Failure, first.Message, first.PeerRank, first.Tag, first.Bytes, first);

    private static void Check(Transfer transfer, string what, int rank, int size)
    {
        if (transfer.Peer < 0 || transfer.Peer >= size || transfer.Peer == rank)
        {
            throw new ArgumentException($"Rank {rank} cannot {what} rank {transfer.Peer}; peers are the other ranks of {size}.");
        }

        if (transfer.Bytes < 1 || transfer.Address == 0)
        {
            throw new ArgumentException($"Rank {rank} cannot {what} rank {transfer.Peer} {transfer.Bytes} bytes at address {transfer.Address}; a message has at least one byte.");
        }
    }
}
