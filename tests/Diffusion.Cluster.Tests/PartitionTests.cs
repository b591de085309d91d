using System.Diagnostics;

namespace Diffusion.Cluster.Tests;

/// <summary>A box is cut off in the middle of training: it is removed in time, the others go on, and when it is back it is told so, joins again, and the bits are the same.</summary>
[Collection(ClusterTests.Name)]
public sealed class PartitionTests(ClusterData data)
{
    /// <summary>As many as one box needs while the other finds its way back.</summary>
    private const int Steps = 120;
    private static readonly TimeSpan Removed = TimeSpan.FromSeconds(5);

    [NetworkTheory]
    [InlineData("drop")]
    [InlineData("reset")]
    [InlineData("link down")]
    [InlineData("mute after 100 kB")]
    public async Task Cut_OfABox_IsRemovedInTimeAndRejoinsWhenHealed(string how)
    {
        using var boxes = new Namespaces();
        var config = data.Config(Steps);
        config = config with { Training = config.Training with { CheckpointImages = config.Training.BatchSize * 10 } };
        using var run = new ClusterRun(config, workersToStart: 2);
        await run.StartCoordinator(boxes.Near, Namespaces.NearAddress);
        var near = run.StartWorkerIn(boxes.Near, "slow@forward:seconds=0.02");
        var far = run.StartWorkerIn(boxes.Far, "slow@forward:seconds=0.02");
        await run.Coordinator.LineWith("Generation 1 trains on");
        await run.Coordinator.LineWith("Checkpoint checkpoint-");
        long cut = Stopwatch.GetTimestamp();
        boxes.Cut(how);
        await run.Coordinator.LineWith($"{far.Name} is lost");
        var noticed = Stopwatch.GetElapsedTime(cut);
        await run.Coordinator.LineWith($"trains on {near.Name} with 1 rank");
        boxes.Heal();
        await far.LineWith("has to join again");
        await run.Coordinator.LineWith("Generation 3 trains on");
        await run.Finish();
        Assert.True(noticed <= Removed, $"{far.Name} was removed only after {noticed}.\n{run.Story()}");
        Assert.Equal(await data.Undisturbed(config), run.Bits());
    }
}
