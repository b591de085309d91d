using Diffusion.Native.Collectives;
using Diffusion.Native.Collectives.Nccl;
using Diffusion.Native.Tests.Collectives.Nccl;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Tests.Training;

/// <summary>Real training steps whose gradients travel between devices of the stand-in.</summary>
[Collection("stand-in")]
public sealed class DeviceTrainingTests
{
    [StandInFact]
    public void Run_ThreeDevicesWithUnevenShares_EndsWithTheBitsOfOneRank()
    {
        StandIn.Begin();
        using var run = new TinyRun(steps: 3);
        string alone = Train(run, new ShardPlan(4, [4]), LocalTransport.CreateGroup(1));
        var host = LocalTransport.CreateGroup(3);
        var store = new InMemoryRendezvousStore();
        var linked = TinyRun.OnThreads(3, rank => NcclTransport.Connect(rank, 3, host[rank], new StandInLane(StandIn.Handle, rank), store, "generation-1", null, CancellationToken.None));
        Assert.Equal(alone, Train(run, new ShardPlan(4, [1, 2, 1]), linked));
        Assert.Contains("ncclSend", StandIn.Calls(1));
        Assert.Empty(StandIn.Violations());
    }

    private static string Train(TinyRun run, ShardPlan plan, IReadOnlyList<IPeerTransport> transports)
    {
        var trainers = Enumerable.Range(0, plan.RankCount).Select(_ => run.Trainer()).ToArray();
        try
        {
            Assert.All(TinyRun.Generation(trainers, plan, transports: transports), result => Assert.Equal((GenerationEnd.Finished, 3), (result.End, result.CompletedStep)));
            return Assert.Single(trainers.Select(trainer => trainer.StateDigest()).Distinct());
        }
        finally
        {
            Array.ForEach(trainers, trainer => trainer.Dispose());
        }
    }
}
