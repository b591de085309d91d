using System.Diagnostics;
using Xunit.Abstractions;

namespace Diffusion.Cluster.Tests;

/// <summary>A box is cut off in the middle of training: it is removed in time, the others go on, and when it is back it is told so, joins again, and the bits are the same.</summary>
[Collection(WaitingClusterTests.Name)]
public sealed class PartitionTests(ClusterData data, ITestOutputHelper output)
{
    /// <summary>Longer steps, so that one box is not done before the other has found its way back; without computing more.</summary>
    private const string Slow = "slow@forward:seconds=0.06";
    private static readonly TimeSpan Removed = TimeSpan.FromSeconds(5);

    [NetworkTheory]
    [InlineData("drop")]
    [InlineData("reset")]
    [InlineData("link down")]
    [InlineData("mute after 100 kB")]
    public async Task Cut_OfABox_IsRemovedInTimeAndRejoinsWhenHealed(string how)
    {
        using var boxes = new Namespaces();
        var config = data.Config();
        config = config with { Training = config.Training with { CheckpointImages = config.Training.BatchSize * 4 } };
        using var run = new ClusterRun(config, workersToStart: 2);
        await run.StartCoordinator(boxes.Near, Namespaces.NearAddress);
        var near = run.StartWorkerIn(boxes.Near, Slow);
        var far = run.StartWorkerIn(boxes.Far, Slow);
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
        output.WriteLine($"P2: removed {noticed.TotalSeconds:F2} s after the cut ({how}).");
        Assert.True(noticed <= Removed, $"{far.Name} was removed only after {noticed}.\n{run.Story()}");
        Assert.Equal(await data.Undisturbed(config), run.Bits());
    }

    /// <summary>All reach the coordinator, and one box's data ports are closed: those who reach each other train, the one that came last is told with whom it cannot talk and what to do.</summary>
    [NetworkFact]
    public async Task BlockAllBut_TheCoordinatorsPort_OthersTrainAndTheBlockedOneIsToldThePairAndTheRemedy()
    {
        using var boxes = new Namespaces();
        using var run = new ClusterRun(data.Config(), workersToStart: 3, timeoutScale: 0.6);
        await run.StartCoordinator(boxes.Near, Namespaces.NearAddress);
        boxes.BlockAllBut(run.Endpoint.Split(':')[1]);
        ClusterProcess[] near = [run.StartWorkerIn(boxes.Near), run.StartWorkerIn(boxes.Near)];
        await Task.WhenAll(near.Select(worker => worker.LineWith("Joined run")));
        var far = run.StartWorkerIn(boxes.Far);
        await run.Coordinator.LineWith("Generation 1 trains on");
        long began = Stopwatch.GetTimestamp();
        await run.Death(far);
        output.WriteLine($"The blocked worker ended {Stopwatch.GetElapsedTime(began).TotalSeconds:F2} s after the first generation was formed.");
        Assert.NotEqual(0, await far.Exit());
        Assert.Contains("do not reach each other", far.Output, StringComparison.Ordinal);
        Assert.Contains(Namespaces.NearAddress, far.Output, StringComparison.Ordinal);
        Assert.Contains(Namespaces.FarAddress, far.Output, StringComparison.Ordinal);
        Assert.Contains("--data-address", far.Output, StringComparison.Ordinal);
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }
}
