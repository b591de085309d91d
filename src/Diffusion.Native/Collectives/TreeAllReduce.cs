namespace Diffusion.Native.Collectives;

/// <summary>The exact all-reduce: the balanced binary tree sum of the V shard gradients, with the same bits for any number of ranks and any plan.</summary>
/// <remarks>
/// Each rank owns a slice of the arena. Owners receive every rank's sub-tree sums of their slice, finish the tree over them, and send the result to all.
/// Between devices that a transport links the same is done in their memory, without a wait in between. With plans of whole sub-trees as many bytes travel as in a ring; ragged ranges add up to 2·log2(V) − 3 further partial sums per rank.
/// </remarks>
public sealed class TreeAllReduce : IDisposable
{
    private readonly SliceReduction reduction;
    private readonly ShardPlan plan;
    private readonly int rank;

    /// <summary>Prepares an all-reduce; nothing is sent yet.</summary>
    /// <param name="transport">The ranks of this generation. Stays the caller's.</param>
    /// <param name="plan">Who owns which shards; the same on every rank.</param>
    /// <param name="length">Length of the gradient in floats.</param>
    /// <param name="options">Speed; null for the defaults.</param>
    public TreeAllReduce(IPeerTransport transport, ShardPlan plan, long length, AllReduceOptions? options = null)
    {
        if (plan.RankCount != transport.Size)
        {
            throw new ArgumentException($"The plan is for {plan.RankCount} ranks and the transport has {transport.Size}; both must come from one generation.", nameof(plan));
        }

        this.plan = plan;
        rank = transport.Rank;
        var nodesByRank = Enumerable.Range(0, plan.RankCount).Select(r => plan[r].SubTrees()).ToArray();
        var sources = nodesByRank.Select(nodes => nodes.Count).ToArray();
        reduction = new SliceReduction(transport, sources, TreeOrder.Merges(nodesByRank.SelectMany(nodes => nodes)), length, $"tree {plan}", options ?? new AllReduceOptions());
    }

    /// <summary>Sums over all ranks.</summary>
    /// <param name="partials">This rank's sub-tree sums, as <see cref="ShardAccumulator.Partials"/> gives them.</param>
    /// <param name="destination">Receives the sum, the same bits on every rank. May be one of the partial sums.</param>
    /// <param name="deadline">The longest time to wait for one bucket, so that large gradients need no longer one.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    /// <exception cref="CollectiveException">Aborted, timed out, or a peer was lost. The destination holds anything, the partial sums are unchanged unless one is the destination.</exception>
    public void Run(IReadOnlyList<ShardPartial> partials, Arena destination, TimeSpan deadline, CancellationToken cancellationToken)
    {
        RequireOwn(partials);
        reduction.Run([.. partials.Select(partial => partial.Sum)], destination, deadline, cancellationToken);
    }

    /// <summary>
    /// Starts a sum before all terms are there: backward completes an arena from its end, and what is complete may travel meanwhile. False, and nothing begun, when the arenas are
    /// on a device that no link reaches; use <see cref="Run(IReadOnlyList{ShardPartial}, Arena, TimeSpan, CancellationToken)"/> then.
    /// </summary>
    /// <param name="partials">This rank's sub-tree sums, in place but not all of them complete.</param>
    /// <param name="destination">Receives the sum. May be one of the partial sums.</param>
    /// <param name="deadline">The longest time to wait for the other ranks to begin.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public bool Begin(IReadOnlyList<ShardPartial> partials, Arena destination, TimeSpan deadline, CancellationToken cancellationToken)
    {
        RequireOwn(partials);
        return reduction.Begin([.. partials.Select(partial => partial.Sum)], destination, deadline, cancellationToken);
    }

    /// <summary>From this float of the arena to its end all partial sums are complete: their buckets may go. On a device this returns at once.</summary>
    /// <param name="from">First float of the part that is complete; falls from call to call.</param>
    /// <param name="deadline">The longest time to wait for one bucket.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public void Advance(long from, TimeSpan deadline, CancellationToken cancellationToken) => reduction.Advance(from, deadline, cancellationToken);

    /// <summary>All partial sums are complete; returns when the sum is there.</summary>
    /// <param name="deadline">The longest time to wait for one bucket; for all that is left, on a device.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public void End(TimeSpan deadline, CancellationToken cancellationToken) => reduction.End(deadline, cancellationToken);

    private void RequireOwn(IReadOnlyList<ShardPartial> partials)
    {
        var nodes = plan[rank].SubTrees();
        if (!nodes.SequenceEqual(partials.Select(partial => partial.Range)))
        {
            throw new ArgumentException($"Rank {rank} owns {plan[rank]}, which is {string.Join(' ', nodes)}, and was given sums of {string.Join(' ', partials.Select(p => p.Range))}.", nameof(partials));
        }
    }

    /// <summary>Sums raw memory over all ranks.</summary>
    /// <param name="partials">Addresses of this rank's sub-tree sums, from left to right.</param>
    /// <param name="destination">Address of the result.</param>
    /// <param name="deadline">The longest time to wait for one bucket, so that large gradients need no longer one.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public void Run(ReadOnlySpan<nint> partials, nint destination, TimeSpan deadline, CancellationToken cancellationToken) =>
        reduction.Run(partials, destination, deadline, cancellationToken);

    /// <summary>Frees the receive buffers.</summary>
    public void Dispose() => reduction.Dispose();
}
