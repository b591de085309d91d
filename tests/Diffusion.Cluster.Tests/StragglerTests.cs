using System.Globalization;
using Diffusion.V1;
using Xunit.Abstractions;

namespace Diffusion.Cluster.Tests;

/// <summary>Proves with real processes that shards move to the faster workers without a change of a bit.</summary>
[Collection(MeasuredClusterTests.Name)]
public sealed class StragglerTests(ClusterData data, ITestOutputHelper output)
{
    [Fact]
    public async Task Train_OneWorkerWithFortyPercentOfItsTime_ShardsMoveAndBitsStay()
    {
        var config = data.Config(260, shards: 16, batchSize: 16);
        using var run = new ClusterRun(config, workersToStart: 2);
        await run.StartCoordinator();
        var slow = run.StartWorker();
        run.StartWorker();
        await run.Status(s => s.Phase == RunPhase.Training, "training");
        await using (new SlowedProcess(slow, 0.4))
        {
            var before = await run.Status(s => s.Reason.Contains("shards move from 8 + 8 to", StringComparison.Ordinal), "a move of shards");
            Assert.Contains("worker-1 needs", before.Reason, StringComparison.Ordinal);
            await run.Status(s => s.Generation == 2 && s.ImagesSeen > before.ImagesSeen, "generation 2");
            var after = await run.Status(s => s.ImagesSeen >= before.ImagesSeen + (70 * config.Training.BatchSize), "seventy steps more");
            Assert.True(Slow(after).Shards is > 0 and < 8, run.Story());
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Idle share {Idle(before):P1} before, {Idle(after):P1} after with {string.Join(" + ", after.Workers.Select(w => w.Shards))} shards."));
            Assert.True(Idle(after) < 0.15, $"{Idle(before)} before, {Idle(after)} after");
        }

        await run.Finish();
        Assert.Equal(await data.Undisturbed(config), run.Bits());
    }

    private static WorkerStatus Slow(RunStatus status) => status.Workers.Single(w => w.Name == "worker-1");

    /// <summary>Part of the steps in which a worker waits for the slowest one to finish its shards; the mean of all.</summary>
    private static double Idle(RunStatus status)
    {
        double longest = status.Workers.Max(w => w.ComputeSeconds);
        return status.Workers.Average(w => 1 - (w.ComputeSeconds / longest));
    }
}
