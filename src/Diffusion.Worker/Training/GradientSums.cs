using Diffusion.Native;
using Diffusion.Native.Collectives;

namespace Diffusion.Worker.Training;

/// <summary>How the gradients of all shards of a step become one. Backward adds into the rank's gradient arena; this decides when it is cleared and who adds what.</summary>
internal interface IGradientSum : IDisposable
{
    /// <summary>Starts a step with a cleared arena.</summary>
    void Begin();

    /// <summary>Backward of one more of this rank's shards, in order, is in the arena.</summary>
    void ShardDone(int shard);

    /// <summary>Puts the sum over all shards into every rank's arena.</summary>
    void AllReduce(TimeSpan deadline, CancellationToken cancellationToken);
}

/// <summary>The balanced binary tree sum over the shards: the same bits whoever computed them.</summary>
internal sealed class ExactGradientSum(IPeerTransport transport, ShardPlan plan, Arena gradients, int threads) : IGradientSum
{
    private readonly ShardAccumulator accumulator = new(gradients.Layout, gradients.Flat.device, threads);
    private readonly TreeAllReduce allReduce = new(transport, plan, gradients.Layout.Length, new AllReduceOptions { Threads = threads });

    public void Begin()
    {
        gradients.Zero();
        accumulator.Begin(plan[transport.Rank]);
    }

    public void ShardDone(int shard)
    {
        accumulator.Add(shard, gradients);
        gradients.Zero();
    }

    public void AllReduce(TimeSpan deadline, CancellationToken cancellationToken) => allReduce.Run(accumulator.Partials, gradients, deadline, cancellationToken);

    public void Dispose()
    {
        accumulator.Dispose();
        allReduce.Dispose();
    }
}

/// <summary>Shards add up where backward leaves them, ranks in rank order: cheaper, and other bits for other plans.</summary>
internal sealed class FastGradientSum(IPeerTransport transport, Arena gradients, int threads) : IGradientSum
{
    private readonly FastAllReduce allReduce = new(transport, gradients.Layout.Length, new AllReduceOptions { Threads = threads });

    public void Begin() => gradients.Zero();

    public void ShardDone(int shard)
    {
    }

    public void AllReduce(TimeSpan deadline, CancellationToken cancellationToken) => allReduce.Run(gradients, gradients, deadline, cancellationToken);

    public void Dispose() => allReduce.Dispose();
}
