namespace Diffusion.Cluster.Tests;

/// <summary>Proves with real processes that a worker that hangs while its heart beats is named and left behind.</summary>
[Collection(ClusterTests.Name)]
public sealed class HangTests(ClusterData data)
{
    [Theory]
    [InlineData("between-buckets")]
    [InlineData("forward")]
    public async Task Hang_OfAWorker_IsReportedOnceAndTheOthersGoOnWithTheSameBits(string point)
    {
        using var run = new ClusterRun(data.Config(60), workersToStart: 3);
        await run.StartCoordinator();
        run.StartWorker();
        var hanging = run.StartWorkerWith($"hang@{point}:step=20");
        run.StartWorker();
        var told = await run.Status(s => s.Alarms.Any(alarm => alarm.Contains("Everybody waits for worker-2", StringComparison.Ordinal)), "the report of a hang");
        Assert.Contains("of step 20", Assert.Single(told.Alarms), StringComparison.Ordinal);
        run.Kill(hanging);
        await run.Finish();

        string report = Assert.Single(Directory.GetFiles(Path.Combine(run.RunDirectory, "logs"), "hang-*.txt"));
        Assert.EndsWith("hang-20.txt", report, StringComparison.Ordinal);
        string page = await File.ReadAllTextAsync(report);
        Assert.Contains("Everybody waits for worker-2: rank ", page, StringComparison.Ordinal);
        Assert.Contains("worker-1 (process", page, StringComparison.Ordinal);
        Assert.Equal(await data.Undisturbed(60), run.Bits());
    }
}
