namespace Diffusion.Native.Collectives;

/// <summary>What the ranks of a <see cref="LocalTransport"/> share: messages on offer, who left, and the first failure.</summary>
internal sealed unsafe class LocalGroup(int size)
{
    private readonly object changed = new();
    private readonly Dictionary<(int From, int To, ulong Tag), Queue<Offer>> offers = [];
    private readonly bool[] left = new bool[size];
    private CollectiveException? failure;

    public int Size => size;

    public CollectiveException? Failure => Volatile.Read(ref failure);

    public void Fail(CollectiveException reason)
    {
        Interlocked.CompareExchange(ref failure, reason, null);
        lock (changed)
        {
            Monitor.PulseAll(changed);
        }
    }

    public void Leave(int rank)
    {
        lock (changed)
        {
            left[rank] = true;
            Monitor.PulseAll(changed);
        }
    }

    public void Exchange(int rank, ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, Deadline time, TimeSpan deadline)
    {
        var offered = new Offer[sends.Length];
        lock (changed)
        {
            ThrowIfFailed();
            for (int i = 0; i < sends.Length; i++)
            {
                offered[i] = Publish(rank, sends[i]);
            }

            Monitor.PulseAll(changed);
        }

        try
        {
            foreach (var receive in receives)
            {
                var offer = Claim(rank, receive, time, deadline);
                Copy(offer, receive);
            }

            for (int i = 0; i < offered.Length; i++)
            {
                AwaitDelivery(rank, offered[i], sends[i], time, deadline);
            }
        }
        finally
        {
            // The sender's memory is its own again only when nobody is copying from it; a copy in progress ends by itself.
            Withdraw(offered);
        }
    }

    private Offer Publish(int rank, Transfer send)
    {
        var key = (rank, send.Peer, send.Tag);
        if (!offers.TryGetValue(key, out var queue))
        {
            offers.Add(key, queue = new Queue<Offer>());
        }

        var offer = new Offer(send.Address, send.Bytes);
        queue.Enqueue(offer);
        return offer;
    }

    private Offer Claim(int rank, Transfer receive, Deadline time, TimeSpan deadline)
    {
        var key = (receive.Peer, rank, receive.Tag);
        lock (changed)
        {
            // After a failure offers may point at memory that their owners have taken back.
            ThrowIfFailed();
            Queue<Offer>? queue;
            while (!offers.TryGetValue(key, out queue))
            {
                Wait(rank, receive, "a message from", time, deadline);
            }

            var offer = queue.Dequeue();
            if (queue.Count == 0)
            {
                offers.Remove(key);
            }

            offer.State = OfferState.Copying;
            return offer;
        }
    }

    private void Copy(Offer offer, Transfer receive)
    {
        bool fits = offer.Bytes == receive.Bytes;
        if (fits)
        {
            Buffer.MemoryCopy((void*)offer.Address, (void*)receive.Address, receive.Bytes, offer.Bytes);
        }

        lock (changed)
        {
            offer.State = OfferState.Delivered;
            Monitor.PulseAll(changed);
        }

        if (!fits)
        {
            string message = $"Rank {receive.Peer} sent {offer.Bytes} bytes with tag {receive.Tag:x} where {receive.Bytes} were expected; both sides must run the same collective.";
            Fail(new CollectiveException(CollectiveFailure.Aborted, message, receive.Peer, receive.Tag, receive.Bytes));
            ThrowIfFailed();
        }
    }

    private void AwaitDelivery(int rank, Offer offer, Transfer send, Deadline time, TimeSpan deadline)
    {
        lock (changed)
        {
            while (offer.State != OfferState.Delivered)
            {
                Wait(rank, send, "a message to be taken by", time, deadline);
            }
        }
    }

    private void Withdraw(Offer[] offered)
    {
        lock (changed)
        {
            foreach (var offer in offered)
            {
                while (offer.State == OfferState.Copying)
                {
                    Monitor.Wait(changed);
                }
            }
        }
    }

    /// <summary>Waits for a change under the lock; throws when there is nothing left to wait for.</summary>
    private void Wait(int rank, Transfer transfer, string what, Deadline time, TimeSpan deadline)
    {
        ThrowIfFailed();
        if (left[rank])
        {
            Fail(new CollectiveException(CollectiveFailure.Aborted, "Disposed during an exchange."));
            ThrowIfFailed();
        }

        if (left[transfer.Peer])
        {
            Fail(new CollectiveException(CollectiveFailure.PeerLost, $"Rank {transfer.Peer} left the group; this rank was waiting for {what} it (tag {transfer.Tag:x}, {transfer.Bytes} bytes).", transfer.Peer, transfer.Tag, transfer.Bytes));
            ThrowIfFailed();
        }

        var remaining = time.Left;
        if (remaining == TimeSpan.Zero)
        {
            Fail(new CollectiveException(CollectiveFailure.TimedOut, $"Waited {deadline.TotalSeconds:0.###} s for {what} rank {transfer.Peer} (tag {transfer.Tag:x}, {transfer.Bytes} bytes).", transfer.Peer, transfer.Tag, transfer.Bytes));
            ThrowIfFailed();
        }

        Monitor.Wait(changed, remaining + TimeSpan.FromMilliseconds(1));
    }

    private void ThrowIfFailed()
    {
        if (Failure is { } first)
        {
            throw TransferRules.Again(first);
        }
    }

    private enum OfferState
    {
        Waiting,
        Copying,
        Delivered,
    }

    private sealed class Offer(nint address, long bytes)
    {
        public nint Address => address;

        public long Bytes => bytes;

        public OfferState State { get; set; }
    }
}
