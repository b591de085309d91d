namespace Diffusion.Cluster.Tests;

/// <summary>Proves with real processes that shards may lie on many workers, and unevenly, without a change of a bit.</summary>
[Collection(ClusterTests.Name)]
public sealed class SharesTests(ClusterData data)
{
    [Fact]
    public async Task Train_EightWorkers_HasTheBitsOfOne()
    {
        var config = data.Config(10, shards: 8);
        using var run = new ClusterRun(config, workersToStart: 8);
        await run.StartCoordinator();
        for (int i = 0; i < 8; i++)
        {
            run.StartWorker();
        }

        await run.Finish();
        Assert.Equal(await data.Undisturbed(config), run.Bits());
    }

    [Fact]
    public async Task Train_FiveAndThreeOfEightShards_HasTheBitsOfOne()
    {
        var config = data.Config(10, shards: 8);
        using var run = new ClusterRun(config, workersToStart: 2);
        await run.StartCoordinator();
        run.StartWorker("cpu:1", "--share", "5");
        run.StartWorker("cpu:1", "--share", "3");
        await run.Finish();
        Assert.Contains("(5 + 3 shards)", run.Coordinator.Output.Replace("(3 + 5", "(5 + 3", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(await data.Undisturbed(config), run.Bits());
    }
}
