using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Faults;

/// <summary>A real process dies, or is told that the disk failed, at each of the file operations of a save in turn.</summary>
public sealed class KillTests : IDisposable
{
    private const int Killed = 137;
    private const int MostOperations = 200;
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [FaultFact]
    public void SaveNewCheckpoint_KilledBeforeEveryOperation_OldOrNewIsWhole() => EveryOperation("kill", images: 2048, AfterACheckpointDied);

    [FaultFact]
    public void SaveNewCheckpoint_KilledInsideEveryOperation_OldOrNewIsWhole() => EveryOperation("torn", images: 2048, AfterACheckpointDied);

    [FaultFact]
    public void ReplaceCheckpoint_KilledBeforeEveryOperation_OldOrNewIsWhole() => EveryOperation("kill", images: 1024, AfterACheckpointDied);

    [FaultFact]
    public void SaveNewCheckpoint_EveryOperationFailsOnce_OldStaysAndTheSecondAttemptSucceeds() => EveryOperation("eio", images: 2048, AfterACheckpointWasRetried);

    [FaultFact]
    public void SaveSnapshot_KilledInsideEveryOperation_CatalogueAndFilesAgree() => EverySnapshotOperation("torn", [Killed]);

    [FaultFact]
    public void SaveSnapshot_EveryOperationFailsOnce_TheSecondAttemptSucceeds() => EverySnapshotOperation("enospc", [0, Program.SavedAtSecondAttempt]);

    [FaultFact]
    public void SaveCheckpoint_OrderOfOperations_FlushesFilesThenRenamesThenFlushesDirectories()
    {
        string root = directory["ck"];
        Assert.Equal(0, FaultProcess.Run(root, 0, "none", directory["log"], "checkpoint", root, "2048", "1"));
        const string Writing = "/.checkpoint-000000002048.writing";
        var log = File.ReadAllLines(directory["log"]).Select(line => line.Split(".safetensors.")[0].Split(".json.")[0]).ToList();
        Assert.Equal(
        [
            $"mkdir {Writing}",
            .. new[] { "params", "ema-0.050" }.SelectMany(arena => (string[])
            [
                $"write {Writing}/.{arena}", $"write {Writing}/.{arena}", $"write {Writing}/.{arena}",
                $"fsync {Writing}/.{arena}", $"rename {Writing}/.{arena}", $"fsync {Writing}",
            ]),
            $"write {Writing}/.manifest", $"fsync {Writing}/.manifest", $"rename {Writing}/.manifest", $"fsync {Writing}",
            $"rename {Writing}", "fsync ",
        ], log.SkipWhile(line => line != $"mkdir {Writing}").Where(line => !line.StartsWith("truncate", StringComparison.Ordinal)));
    }

    private void EveryOperation(string mode, long images, Action<string, int, long> check)
    {
        int at = 1;
        for (int code = -1; code != 0; at++)
        {
            Assert.True(at < MostOperations, "the save never ended undisturbed");
            string root = directory[$"ck{at}"];
            Scenario.SaveCheckpoint(root, 1024, seed: 10);
            code = FaultProcess.Run(root, at, mode, null, "checkpoint", root, $"{images}", "20");
            if (code == 0 && mode == "eio" && IsReached(at))
            {
                code = -1; // A failure that did no harm, as when a leftover could not be removed.
            }

            check(root, code, images);
            Directory.Delete(root, recursive: true);
        }

        Assert.True(at > 15, $"only {at} operations were seen: is the shim loaded?");
    }

    /// <summary>Whether a save has so many operations.</summary>
    private bool IsReached(int at)
    {
        string root = directory["probe"];
        File.Delete(directory["log"]);
        Scenario.SaveCheckpoint(root, 1024, seed: 10);
        FaultProcess.Run(root, 0, "none", directory["log"], "checkpoint", root, "2048", "20");
        Directory.Delete(root, recursive: true);
        return File.ReadAllLines(directory["log"]).Length >= at;
    }

    private static void AfterACheckpointDied(string root, int code, long images)
    {
        Assert.Contains(code, new[] { Killed, 0 });
        Check(new CheckpointStore(root).Latest());
        using (CheckpointWriter.Open(root))
        {
            Check(new CheckpointStore(root).Latest());
            Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(root), path => Path.GetFileName(path).StartsWith('.'));
        }

        void Check(LatestCheckpoint latest)
        {
            Assert.Empty(latest.Skipped);
            var found = latest.Checkpoint!;
            bool isNew = Scenario.Load(found, "params")[0] == 20;
            Assert.Equal(isNew ? images : 1024, found.Manifest.ImagesSeen);
            Assert.Equal(Scenario.Values(isNew ? 20 : 10), Scenario.Load(found, "params"));
            Assert.Equal(Scenario.Values(isNew ? 21 : 11), Scenario.Load(found, "ema-0.050"));
            Assert.True(isNew || code == Killed);
        }
    }

    private static void AfterACheckpointWasRetried(string root, int code, long images)
    {
        Assert.Contains(code, new[] { Program.SavedAtSecondAttempt, 0, -1 });
        var latest = new CheckpointStore(root).Latest();
        Assert.Equal(images, latest.Checkpoint!.Manifest.ImagesSeen);
        Assert.Equal(Scenario.Values(20), Scenario.Load(latest.Checkpoint, "params"));
        using (CheckpointWriter.Open(root))
        {
            Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(root), path => Path.GetFileName(path).StartsWith('.'));
        }
    }

    private void EverySnapshotOperation(string mode, int[] expected)
    {
        int operations = SnapshotOperations();
        Assert.True(operations > 6, $"only {operations} operations were seen: is the shim loaded?");
        for (int at = 1; at <= operations; at++)
        {
            string root = Directory.CreateDirectory(directory[$"s{at}"]).FullName;
            Scenario.SaveSnapshot(root, 1024);
            int code = FaultProcess.Run(root, at, mode, null, "snapshot", root, "2048");
            Assert.Contains(code, expected);

            // Whatever is visible is whole, and the next start brings the catalogue up to it.
            AtomicFile.RemoveLeftovers(root);
            using var catalogue = SnapshotCatalogue.Open(root);
            var report = catalogue.Reconcile();
            Assert.Empty(report.Damaged);
            Assert.Empty(report.Missing);
            string[] files = [.. Directory.EnumerateFiles(root, "*.safetensors").Select(path => Path.GetFileName(path)!).Order()];
            Assert.Equal(files, catalogue.Entries.Select(entry => entry.File));
            Assert.Contains(files.Length, code == Killed ? [1, 2] : new[] { 2 });
            Assert.All(catalogue.Entries, entry => catalogue.Verify(entry));
            Assert.DoesNotContain(Directory.EnumerateFiles(root), AtomicFile.IsTemporary);
        }
    }

    private int SnapshotOperations()
    {
        string root = Directory.CreateDirectory(directory["probe"]).FullName;
        Scenario.SaveSnapshot(root, 1024);
        Assert.Equal(0, FaultProcess.Run(root, 0, "none", directory["log"], "snapshot", root, "2048"));
        return File.ReadAllLines(directory["log"]).Length;
    }
}
