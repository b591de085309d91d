using Diffusion.Snapshots.Tests.Faults;

namespace Diffusion.Cluster.Tests;

/// <summary>The disk refuses in the middle of a run of real processes: training goes on, an alarm says so, the save is made up for, and the bits are the same.</summary>
[Collection(WaitingClusterTests.Name)]
public sealed class DiskTests(ClusterData data)
{
    private const int Killed = 137;

    /// <summary>Steps of a run that outlives a full disk.</summary>
    private const int Long = 100;

    [SmallDiskFact]
    public async Task Full_DiskOfTheRun_TrainsOnAndSavesOnceThereIsSpace()
    {
        using var run = new ClusterRun(data.Config(Long), workersToStart: 1);
        using var disk = new SmallDisk(run.RunDirectory);
        await run.StartCoordinator();
        var worker = run.StartWorkerWith("slow@forward:seconds=0.01");
        var saved = await run.Status(s => s.LastCheckpointImages > 0, "a checkpoint");
        disk.Fill();
        var full = await run.Status(s => s.Alarms.Any(alarm => alarm.Contains("could not save the checkpoint", StringComparison.Ordinal)), "an alarm about the full disk");
        Assert.Contains(full.Alarms, alarm => alarm.Contains("free space", StringComparison.Ordinal) && alarm.Contains(worker.Name, StringComparison.Ordinal));
        var later = await run.Step((full.ImagesSeen / 8) + 20);
        Assert.Equal(saved.LastCheckpointImages, later.LastCheckpointImages);
        Assert.NotEmpty(later.Alarms);
        disk.Grow();
        await run.Finish();
        Assert.Equal(await data.Undisturbed(Long), run.Bits());
    }

    /// <summary>A save of this run is about forty file operations; the first ones are that of the directory.</summary>
    [FaultTheory]
    [InlineData("eio", 9)]
    [InlineData("enospc", 24)]
    [InlineData("eio", 38)]
    public async Task Refusal_OfAnOperationOfASave_IsToldAndMadeUpFor(string mode, int operation)
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 1);
        await run.StartCoordinator();
        StartWorker(run, mode, operation);
        await run.Coordinator.LineWith("could not save the checkpoint");
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [FaultTheory]
    [InlineData("kill", 5)]
    [InlineData("torn", 30)]
    public async Task Kill_AtAnOperationOfASave_TheOtherFinishesWithTheSameBits(string mode, int operation)
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();

        // Who joins first sees the directory first, and writes.
        var writer = StartWorker(run, mode, operation);
        await writer.LineWith("Joined run");
        run.StartWorker();
        await run.Death(writer);
        Assert.Equal(Killed, await writer.Exit());
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    private static ClusterProcess StartWorker(ClusterRun run, string mode, int operation) => run.StartWorker(
    [
        ("LD_PRELOAD", FaultProcess.Shim!), ("FAULT_DIR", Path.Combine(run.RunDirectory, "checkpoints")), ("FAULT_MODE", mode),
        ("FAULT_AT", operation.ToString(System.Globalization.CultureInfo.InvariantCulture)),
    ]);

    /// <summary>A small file system in memory at a directory.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private readonly string directory;

        public SmallDisk(string directory)
        {
            this.directory = Directory.CreateDirectory(directory).FullName;
            Assert.True(FaultProcess.Succeeds("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", directory), $"mounting {directory}");
        }

        /// <summary>Leaves not a byte.</summary>
        public void Fill()
        {
            using var filler = new FileStream(Path.Combine(directory, "filler"), FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
            var failure = Assert.Throws<IOException>((Action)WriteOn);
            Assert.Contains("No space left", failure.Message, StringComparison.Ordinal);

            void WriteOn()
            {
                while (true)
                {
                    filler.Write(new byte[4096]);
                }
            }
        }

        public void Grow() => Assert.True(FaultProcess.Succeeds("mount", "-o", "remount,size=64m", directory), $"enlarging {directory}");

        /// <summary>Detached at once, though processes may still have files open there.</summary>
        public void Dispose() => FaultProcess.Succeeds("umount", "-l", directory);
    }
}
