using System.Diagnostics;
using Xunit.Abstractions;

namespace Diffusion.Cluster.Tests;

/// <summary>Proves with real processes that a worker that hangs while its heart beats is named and left behind.</summary>
[Collection(WaitingClusterTests.Name)]
public sealed class HangTests(ClusterData data, ITestOutputHelper output)
{
    private const double Scale = 0.6;

    [Theory]
    [InlineData("between-buckets")]
    [InlineData("forward")]
    public async Task Hang_OfAWorker_IsReportedOnceAndTheOthersGoOnWithTheSameBits(string point)
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 3, timeoutScale: Scale);
        await run.StartCoordinator();
        run.StartWorker();
        var hanging = run.StartWorkerWith($"hang@{point}:step=20");
        run.StartWorker();
        await run.Step(19);
        long began = Stopwatch.GetTimestamp();
        var told = await run.Status(s => s.Alarms.Any(alarm => alarm.Contains("Everybody waits for worker-2", StringComparison.Ordinal)), "the report of a hang");
        output.WriteLine($"P13: the hang at {point} was named {Stopwatch.GetElapsedTime(began).TotalSeconds:F2} s after the step before it, with a step deadline of {10 * Scale:F0} s.");
        Assert.Contains("of step 20", Assert.Single(told.Alarms), StringComparison.Ordinal);
        run.Kill(hanging);
        await run.Finish();

        string report = Assert.Single(Directory.GetFiles(Path.Combine(run.RunDirectory, "logs"), "hang-*.txt"));
        Assert.EndsWith("hang-20.txt", report, StringComparison.Ordinal);
        string page = await File.ReadAllTextAsync(report);
        Assert.Contains("Everybody waits for worker-2: rank ", page, StringComparison.Ordinal);
        Assert.Contains("worker-1 (process", page, StringComparison.Ordinal);
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }
}
