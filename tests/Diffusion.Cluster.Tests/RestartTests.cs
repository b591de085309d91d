using System.Diagnostics;
using Xunit.Abstractions;

namespace Diffusion.Cluster.Tests;

/// <summary>Two runs side by side on one box, every process of both killed: the same commands start again on the same ports, and nothing is left behind.</summary>
[Collection(MeasuredClusterTests.Name)]
public sealed class RestartTests(ClusterData data, ITestOutputHelper output)
{
    [Fact]
    public async Task Kill9_OfTwoRunsSideBySide_StartAgainAtOnceAndLeaveNothing()
    {
        var (config, other) = (data.Config(), data.Config() with { Seed = 2 });
        string temporary = Directory.CreateTempSubdirectory("diffusion-restart-").FullName;
        try
        {
            string[] shared = Names("/dev/shm");
            using var first = new ClusterRun(config, workersToStart: 1);
            using var second = new ClusterRun(other, workersToStart: 1);
            ClusterRun[] runs = [first, second];
            await Task.WhenAll(runs.Select(run => Start(run, temporary)));
            await Task.WhenAll(runs.Select(run => run.Status(s => s.LastCheckpointImages > 0, "a checkpoint")));
            foreach (var run in runs)
            {
                run.Kill(run.Coordinator);
                run.Kill(run.Workers.Single());
            }

            long killed = Stopwatch.GetTimestamp();
            await Task.WhenAll(runs.Select(async run =>
            {
                await Start(run, temporary);
                string At(string what) => $"{Stopwatch.GetElapsedTime(killed).TotalSeconds:F2} s {what}";
                string listening = At("the coordinator listens");
                await run.Coordinator.LineWith(" joins with ");
                string joined = At("the worker has started and joins");
                await run.Coordinator.LineWith("trains on");
                output.WriteLine($"{Path.GetFileName(run.Directory)}: {listening}, {joined}, {At("it trains")}");
            }));
            output.WriteLine($"P12: both train again {Stopwatch.GetElapsedTime(killed).TotalSeconds:F2} s after the kill.");
            await first.Finish();
            await second.Finish();
            Assert.Equal(await data.Undisturbed(config), first.Bits());
            Assert.Equal(await data.Undisturbed(other), second.Bits());

            Assert.Empty(Names(temporary));
            Assert.Empty(Names("/dev/shm").Except(shared));
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }
    }

    private static async Task Start(ClusterRun run, string temporary)
    {
        await run.StartCoordinator();
        run.StartWorker([("TMPDIR", temporary)]);
    }

    private static string[] Names(string directory) => Directory.Exists(directory) ? [.. Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path)!)] : [];
}
