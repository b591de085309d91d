using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Session;

/// <summary>Turns the coordinator's plan of a generation into what each of this worker's ranks is asked to do.</summary>
internal sealed class GenerationPlanner(int shardCount, string dataAddress, CoordinatorAddress coordinator, Membership membership) : IDisposable
{
    private readonly CoordinatorChannel channel = new(coordinator);

    /// <summary>Requests in local rank order; empty when this worker has no place in the plan.</summary>
    public IReadOnlyList<GenerationRequest> Requests(StartGeneration start, string workerId, TimeSpan collectiveTimeout)
    {
        membership.Enter(workerId, start.Generation);
        var ranks = start.Members.SelectMany(member => member.Ranks).OrderBy(rank => rank.Rank).ToArray();
        var shards = new ShardPlan(shardCount, [.. ranks.Select(rank => rank.EndShard - rank.FirstShard)]);
        var own = start.Members.FirstOrDefault(member => member.WorkerId == workerId)?.Ranks.OrderBy(rank => rank.Rank).ToArray() ?? [];
        var connect = start.Members.Count == 1 ? Local(own.Length) : OverNetwork(start.Generation, ranks.Length, collectiveTimeout);
        return
        [
            .. own.Select((rank, local) => new GenerationRequest
            {
                Number = start.Generation,
                Rank = rank.Rank,
                RankCount = ranks.Length,
                Shards = shards,
                Connect = token => connect(rank.Rank, token),
                CollectiveTimeout = collectiveTimeout,
                StepTimeout = coordinator.Timeouts.GiveUp,
                Writes = local == 0 && start.WriterWorkerId == workerId,
            }),
        ];
    }

    public void Dispose() => channel.Dispose();

    /// <summary>All ranks are threads of this process: memory is the network.</summary>
    private static Func<int, CancellationToken, IPeerTransport> Local(int ranks)
    {
        var group = LocalTransport.CreateGroup(ranks);
        return (rank, _) => group[rank];
    }

    private Func<int, CancellationToken, IPeerTransport> OverNetwork(long generation, int ranks, TimeSpan collectiveTimeout)
    {
        var store = new GrpcRendezvousStore(channel.Rendezvous, generation, collectiveTimeout);
        var options = new GlooOptions { Host = dataAddress, ConnectTimeout = collectiveTimeout };
        return (rank, token) => GlooTransport.Connect(rank, ranks, store, FormattableString.Invariant($"generation-{generation}"), options, token);
    }
}
