using Diffusion.Native;
using Diffusion.Native.Collectives;
using Diffusion.Native.Collectives.Nccl;
using Diffusion.V1;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Session;

/// <summary>Turns the coordinator's plan of a generation into what each of this worker's ranks is asked to do.</summary>
/// <param name="shardCount">The run's shards.</param>
/// <param name="dataAddress">Where other workers reach this one.</param>
/// <param name="coordinator">Where the ranks of a generation find one another.</param>
/// <param name="membership">This worker's place.</param>
/// <param name="openLane">The device of a local rank, where ranks have devices that can be linked; null for ranks on the processor.</param>
/// <param name="stuck">Told when a device was not let go.</param>
internal sealed class GenerationPlanner(
    int shardCount, string dataAddress, CoordinatorAddress coordinator, Membership membership, Func<int, IDeviceLane?>? openLane = null, Action<string>? stuck = null) : IDisposable
{
    /// <summary>Libraries for GPUs look at all of a box before they connect.</summary>
    private const int DevicesTakeLonger = 3;

    private readonly CoordinatorChannel channel = new(coordinator);

    /// <summary>Requests in local rank order; empty when this worker has no place in the plan.</summary>
    public IReadOnlyList<GenerationRequest> Requests(StartGeneration start, string workerId, TimeSpan collectiveTimeout)
    {
        membership.Enter(workerId, start.Generation);
        var ranks = start.Members.SelectMany(member => member.Ranks).OrderBy(rank => rank.Rank).ToArray();
        var shards = new ShardPlan(shardCount, [.. ranks.Select(rank => rank.EndShard - rank.FirstShard)]);
        var own = start.Members.FirstOrDefault(member => member.WorkerId == workerId)?.Ranks.OrderBy(rank => rank.Rank).ToArray() ?? [];
        var connect = start.Members.Count == 1 ? Local(own.Length, collectiveTimeout) : OverNetwork(start.Generation, ranks.Length, collectiveTimeout);
        return
        [
            .. own.Select((rank, local) => new GenerationRequest
            {
                Number = start.Generation,
                Rank = rank.Rank,
                RankCount = ranks.Length,
                Shards = shards,
                Connect = token => connect(rank.Rank, local, token),
                CollectiveTimeout = collectiveTimeout,
                StepTimeout = coordinator.Timeouts.GiveUp,
                Writes = local == 0 && start.WriterWorkerId == workerId,
            }),
        ];
    }

    public void Dispose() => channel.Dispose();

    /// <summary>All ranks are threads of this process: memory is the network.</summary>
    private Func<int, int, CancellationToken, IPeerTransport> Local(int ranks, TimeSpan collectiveTimeout)
    {
        var group = LocalTransport.CreateGroup(ranks);
        var store = new InMemoryRendezvousStore();
        return (rank, local, token) => WithDevice(rank, local, ranks, group[rank], store, "devices", collectiveTimeout, token);
    }

    private Func<int, int, CancellationToken, IPeerTransport> OverNetwork(long generation, int ranks, TimeSpan collectiveTimeout)
    {
        var store = new GrpcRendezvousStore(channel.Rendezvous, generation, collectiveTimeout);
        var options = new GlooOptions { Host = dataAddress, ConnectTimeout = collectiveTimeout };
        string prefix = FormattableString.Invariant($"generation-{generation}");
        return (rank, local, token) =>
        {
            // A box with GPUs may have been set up without gloo: NCCL then carries everything.
            var host = openLane is null || GlooTransport.IsAvailable ? GlooTransport.Connect(rank, ranks, store, prefix, options, token) : null;
            return WithDevice(rank, local, ranks, host, store, prefix, collectiveTimeout, token);
        };
    }

    private IPeerTransport WithDevice(int rank, int local, int ranks, IPeerTransport? host, IRendezvousStore store, string prefix, TimeSpan collectiveTimeout, CancellationToken cancellationToken)
    {
        var lane = ranks > 1 ? openLane?.Invoke(local) : null;
        return lane is not null
            ? NcclTransport.Connect(rank, ranks, host, lane, store, prefix, new NcclOptions { ConnectTimeout = DevicesTakeLonger * collectiveTimeout, Stuck = stuck }, cancellationToken)
            : host ?? throw new PlatformNotSupportedException(CpuEnvironment.Gloo);
    }
}
