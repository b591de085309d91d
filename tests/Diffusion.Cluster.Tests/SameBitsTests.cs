using System.Diagnostics;
using Xunit.Abstractions;

namespace Diffusion.Cluster.Tests;

/// <summary>Proves with real processes: however many workers, whatever happens to them, weights, moments and averages have the same bits.</summary>
[Collection(ClusterTests.Name)]
public sealed class SameBitsTests(ClusterData data, ITestOutputHelper output)
{
    [Theory]
    [InlineData(2, "cpu:1")]
    [InlineData(3, "cpu:1")]
    [InlineData(4, "cpu:1")]
    [InlineData(2, "cpu:2")]
    public async Task Train_SeveralWorkers_HasTheBitsOfOne(int workers, string devices)
    {
        using var run = new ClusterRun(data.Config(), workers);
        await run.StartCoordinator();
        for (int i = 0; i < workers; i++)
        {
            run.StartWorker(devices);
        }

        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Fact]
    public async Task Kill9_OfAWorker_SurvivorsFinishWithTheSameBits()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 3);
        await run.StartCoordinator();
        var workers = Enumerable.Range(0, 3).Select(_ => run.StartSlowWorker()).ToArray();
        await run.Step(10);
        run.Kill(workers[1]);
        var after = await run.Status(s => s.Generation == 2, "generation 2");
        Assert.Equal(2, after.Workers.Count(w => w.Shards > 0));
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Fact]
    public async Task Join_WhileTraining_TakesPartWithTheSameBits()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 1);
        await run.StartCoordinator();
        run.StartSlowWorker();
        await run.Step(5);
        run.StartWorker();
        await run.Status(s => s.Workers.Count(w => w.Shards > 0) == 2, "two workers with shards");
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Fact]
    public async Task Term_OfAWorker_LeavesAndTheOtherFinishesWithTheSameBits()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();
        var workers = Enumerable.Range(0, 2).Select(_ => run.StartSlowWorker()).ToArray();
        await run.Step(10);
        workers[0].Signal("TERM");
        Assert.Equal(0, await workers[0].Exit());
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Fact]
    public async Task Kill9_OfTheCoordinator_RestartedItGoesOnWithTheSameWorkers()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();
        var workers = Enumerable.Range(0, 2).Select(_ => run.StartSlowWorker()).ToArray();
        await run.Step(10);
        run.Kill(run.Coordinator);
        await run.Coordinator.Exit();
        await run.StartCoordinator();
        await run.Finish();
        Assert.All(workers, w => Assert.DoesNotContain("Joined run", w.Output[(w.Output.IndexOf("Joined run", StringComparison.Ordinal) + 1)..], StringComparison.Ordinal));
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Fact]
    public async Task Kill9_OfAWorkerTogetherWithTheCoordinator_TheOtherGoesOnAtOnce()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();
        var workers = Enumerable.Range(0, 2).Select(_ => run.StartSlowWorker()).ToArray();
        await run.Step(5);
        run.Kill(run.Coordinator);
        run.Kill(workers[0]);
        await Task.WhenAll(run.Coordinator.Exit(), workers[0].Exit());
        await run.StartCoordinator();
        long restarted = Stopwatch.GetTimestamp();
        await run.Coordinator.LineWith("is lost: its process");
        await run.Coordinator.LineWith($"trains on {workers[1].Name} with 1 rank");
        output.WriteLine($"P1, P3 while the coordinator was away: trains on {Stopwatch.GetElapsedTime(restarted).TotalSeconds:F2} s after its restart.");
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Fact]
    public async Task Kill9_OfEverything_StartedAgainItResumesWithTheSameBits()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();
        var workers = Enumerable.Range(0, 2).Select(_ => run.StartSlowWorker()).ToArray();
        await run.Status(s => s.LastCheckpointImages > 0, "a checkpoint");
        run.Kill(run.Coordinator);
        foreach (var worker in workers)
        {
            run.Kill(worker);
        }

        await run.StartCoordinator();
        run.StartWorker();
        run.StartWorker();
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Fact]
    public async Task Stop_OfAWorker_IsRemovedAndRejoinsWhenItWakesUp()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();
        var workers = Enumerable.Range(0, 2).Select(_ => run.StartSlowWorker()).ToArray();
        await run.Step(10);
        workers[1].Signal("STOP");
        await run.Status(s => s.Generation == 2 && s.Phase == V1.RunPhase.Training, "generation 2 without the stopped worker");
        workers[1].Signal("CONT");
        await run.Status(s => s.Generation >= 3 && s.Workers.Count(w => w.Shards > 0) == 2, "the stopped worker is back");
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }
}
