namespace Diffusion.Cluster.Tests;

/// <summary>Proves that boxes need nothing in common but the network: images come from the coordinator, snapshots and checkpoints go there, and come back.</summary>
[Collection(ClusterTests.Name)]
public sealed class NoSharedDirectoryTests(ClusterData data)
{
    [Fact]
    public async Task Kill9_OfEverything_WorkersWithoutViewOfTheCoordinatorsDiskResumeWithTheSameBits()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();
        run.StartFarWorker("east");
        run.StartFarWorker("west");
        await run.Status(s => s.LastCheckpointImages > 0, "the first checkpoint");
        foreach (var process in run.Workers.Append(run.Coordinator).ToArray())
        {
            run.Kill(process);
            await process.Exit();
        }

        await run.StartCoordinator();
        var east = run.StartFarWorker("east");
        var west = run.StartFarWorker("west");
        await run.Finish();

        Assert.Equal(await data.Undisturbed(), run.Bits());
        Assert.Contains("Resumed from checkpoint-", east.Output + west.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(Path.Combine(run.Directory, "east", "cache", "staging")));
        Assert.False(Directory.Exists(Path.Combine(run.RunDirectory, "arriving")) && Directory.GetDirectories(Path.Combine(run.RunDirectory, "arriving")).Length > 0, "Something is left of what arrived.");
    }
}
