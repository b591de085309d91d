using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Journal;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Faults;

/// <summary>A file system of one megabyte.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly string disk;

    public FullDiskTests() => disk = Directory.CreateDirectory(directory["disk"]).FullName;

    public void Dispose()
    {
        FaultProcess.Succeeds("umount", disk);
        directory.Dispose();
    }

    [SmallDiskFact]
    public void SaveCheckpoint_DiskFull_OldStaysAndSavingWorksOnceSpaceIsFreed()
    {
        Mount();
        var layout = ArenaLayout.Block(50_000);
        using var writer = CheckpointWriter.Open(Path.Combine(disk, "ck"));
        Save(1024);
        File.WriteAllBytes(Path.Combine(disk, "filler"), new byte[700_000]);
        var failure = Assert.Throws<SaveFailedException>(() => Save(2048));
        Assert.True(failure.IsDiskFull, failure.Message);
        Assert.Contains("free space", failure.Message, StringComparison.Ordinal);
        var latest = new CheckpointStore(Path.Combine(disk, "ck")).Latest();
        Assert.Equal((1024L, 0), (latest.Checkpoint!.Manifest.ImagesSeen, latest.Skipped.Count));
        Assert.Single(Directory.EnumerateFileSystemEntries(Path.Combine(disk, "ck")));

        File.Delete(Path.Combine(disk, "filler"));
        Save(2048);
        Assert.Equal(2048, new CheckpointStore(Path.Combine(disk, "ck")).Latest().Checkpoint!.Manifest.ImagesSeen);

        void Save(long images) => writer.Save(
            new CheckpointState { RunId = "r", ImagesSeen = images, Steps = 1, ConfigDigest = "c" }, layout, [CheckpointArena.FromMemory("params", new float[50_000])]);
    }

    [SmallDiskFact]
    public void Write_UnannouncedFile_FailsInTheMiddleAndLeavesNothing()
    {
        Mount();
        using var file = AtomicFile.Create(Path.Combine(disk, "a"));
        var failure = Assert.Throws<SaveFailedException>(() =>
        {
            for (int i = 0; i < 40; i++)
            {
                file.Append(new byte[65_536]);
            }
        });
        Assert.True(failure.IsDiskFull, failure.Message);
        file.Dispose();
        Assert.Empty(Directory.EnumerateFileSystemEntries(disk));
    }

    [SmallDiskFact]
    public void Append_DiskFull_JournalStaysWholeAndGoesOnLater()
    {
        Mount();
        string path = Path.Combine(disk, "j");
        using (var journal = JournalWriter.Open(path))
        {
            journal.Append("first"u8);
            File.WriteAllBytes(Path.Combine(disk, "filler"), new byte[900_000]);
            Assert.True(Assert.Throws<SaveFailedException>(() => journal.Append(new byte[500_000])).IsDiskFull);
            File.Delete(Path.Combine(disk, "filler"));
            journal.Append("second"u8);
        }

        var contents = JournalReader.Read(path);
        Assert.Equal((2, false), (contents.Records.Count, contents.IsTailCut));
    }

    [SmallDiskFact]
    public void WriteSnapshot_DiskFull_LeavesNothing()
    {
        Mount();
        var failure = Assert.Throws<SaveFailedException>(() => new SnapshotWriter(disk, elementType: ElementType.Float32).Write(
            new SnapshotInfo { ImagesSeen = 1024, RelativeStd = 0.05 }, [new("w", [1_000_000])], _ => new float[1_000_000]));
        Assert.True(failure.IsDiskFull, failure.Message);
        Assert.Contains("bytes are needed", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(disk));
    }

    private void Mount() => Assert.True(FaultProcess.Succeeds("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk));
}
