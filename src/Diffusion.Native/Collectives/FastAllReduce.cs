namespace Diffusion.Native.Collectives;

/// <summary>The cheaper all-reduce: each rank adds its shards up in any order, and owners add the ranks' sums in rank order.</summary>
/// <remarks>Between devices NCCL adds, in an order of its own. Gives up the promise of equal bits for other plans: the result depends on how many ranks there are and on who owns what. On one plan it repeats exactly. Gains one partial sum per rank, however ragged its range.</remarks>
public sealed class FastAllReduce : IDisposable
{
    private readonly SliceReduction reduction;
    private readonly IPeerTransport transport;
    private readonly long length;
    private readonly BucketCut cut;

    /// <summary>Prepares an all-reduce; nothing is sent yet.</summary>
    /// <param name="transport">The ranks of this generation. Stays the caller's.</param>
    /// <param name="length">Length of the gradient in floats.</param>
    /// <param name="options">Speed; null for the defaults.</param>
    public FastAllReduce(IPeerTransport transport, long length, AllReduceOptions? options = null)
    {
        options ??= new AllReduceOptions();
        this.transport = transport;
        this.length = length;
        cut = new BucketCut(length, options, ranks: 1);
        var sources = Enumerable.Repeat(1, transport.Size).ToArray();
        var merges = sources.Select((_, index) => index == 0 ? 0 : 1).ToArray();
        reduction = new SliceReduction(transport, sources, merges, length, "in rank order", options);
    }

    /// <summary>Sums over all ranks.</summary>
    /// <param name="local">This rank's own sum.</param>
    /// <param name="destination">Receives the sum, the same bits on every rank. May be <paramref name="local"/>.</param>
    /// <param name="deadline">The longest time to wait for one bucket, so that large gradients need no longer one.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    /// <exception cref="CollectiveException">Aborted, timed out, or a peer was lost. The destination holds anything.</exception>
    public void Run(Arena local, Arena destination, TimeSpan deadline, CancellationToken cancellationToken)
    {
        if (transport.Device is { } link && link.Lane.Reaches(destination))
        {
            RunOnDevices(link, local, destination, deadline, cancellationToken);
        }
        else
        {
            reduction.Run([local], destination, deadline, cancellationToken);
        }
    }

    /// <summary>Frees the receive buffers.</summary>
    public void Dispose() => reduction.Dispose();

    // Between devices the order of additions is the library's, which is fastest and repeats on one plan.
    private void RunOnDevices(IDeviceLink link, Arena local, Arena destination, TimeSpan deadline, CancellationToken cancellationToken)
    {
        destination.RequireSameLayout(local);
        if (destination.Length != length)
        {
            throw new ArgumentException($"The arena has {destination.Length} floats and the all-reduce was made for {length}.", nameof(destination));
        }

        if (!ReferenceEquals(local, destination))
        {
            destination.CopyFrom(local);
        }

        nint address = link.Lane.AddressOf(destination);
        link.Lane.Follow();
        for (long bucket = 0; bucket < cut.Count; bucket++)
        {
            link.AllReduce(address + (nint)(cut.Start(bucket) * sizeof(float)), cut.Floats(bucket), deadline);
        }

        link.Lane.Lead();
        link.Await(deadline, cancellationToken);
    }
}
