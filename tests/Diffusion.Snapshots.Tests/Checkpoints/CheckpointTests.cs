using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Checkpoints;

public sealed class CheckpointTests : IDisposable
{
    // Two padded slots: 6 values at 0, 1 value at 64.
    private static readonly ArenaLayout Layout = new([new("a.weight", [2, 3], 0), new("b.gain", [], 64)]);
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Save_ThenLatest_GivesBackEveryValue()
    {
        using (var writer = CheckpointWriter.Open(directory["ck"]))
        {
            Save(writer, 1024, 1);
            Save(writer, 2048, 2);
        }

        var latest = new CheckpointStore(directory["ck"]).Latest();
        Assert.Empty(latest.Skipped);
        var found = latest.Checkpoint!;
        Assert.Equal((2048L, 7L, "cfg", "0.1"), (found.Manifest.ImagesSeen, found.Manifest.Steps, found.Manifest.ConfigDigest, found.Manifest.Extra["loss_scale"]));
        Assert.Equal(["params", "adam_m", "ema-0.050"], found.Arenas);
        Assert.Equal(Values(2), Load(found, "params"));
        Assert.Equal(Values(3), Load(found, "adam_m"));
        using var file = SafetensorsFile.Open(Path.Combine(found.Path, "params.safetensors"));
        Assert.Equal([2, 3], file.Entry("a.weight").Shape);
        Assert.Equal(["checkpoint-000000001024", "checkpoint-000000002048"], Directory.EnumerateDirectories(directory["ck"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Save_ArenaOfItsOwnLayout_IsReadWithThatLayoutOnly()
    {
        var own = new ArenaLayout([new("freqs", [3], 0)]);
        using (var writer = CheckpointWriter.Open(directory["ck"]))
        {
            var state = new CheckpointState { RunId = "r", ImagesSeen = 1024, Steps = 1, ConfigDigest = "c" };
            writer.Save(state, Layout, [CheckpointArena.FromMemory("params", Values(1)), CheckpointArena.FromMemory("buffers", new[] { 7f, 8f, 9f }) with { Layout = own }]);
        }

        var found = new CheckpointStore(directory["ck"]).Latest().Checkpoint!;
        float[] read = new float[3];
        found.Read("buffers", own, read);

        Assert.Equal([7f, 8f, 9f], read);
        Assert.Equal(Values(1), Load(found, "params"));
        Assert.Throws<ArgumentException>(() => found.Read("buffers", Layout, new float[128]));
        Assert.Throws<ArgumentException>(() => found.Read("params", own, new float[128]));
    }

    [Fact]
    public void Save_SameImagesAgain_ReplacesTheOldOne()
    {
        using var writer = CheckpointWriter.Open(directory["ck"]);
        Save(writer, 1024, 1);
        Save(writer, 1024, 5);
        Assert.Equal(Values(5), Load(new CheckpointStore(directory["ck"]).Latest().Checkpoint!, "params"));
        Assert.Single(Directory.EnumerateFileSystemEntries(directory["ck"]));
    }

    [Fact]
    public void Latest_NewestDamaged_PassesItOverByName()
    {
        using (var writer = CheckpointWriter.Open(directory["ck"]))
        {
            Save(writer, 1024, 1);
            Save(writer, 2048, 2);
            Save(writer, 3072, 3);
        }

        Flip(directory["ck/checkpoint-000000003072/adam_m.safetensors"], -1);
        File.Delete(directory["ck/checkpoint-000000002048/manifest.json"]);
        var latest = new CheckpointStore(directory["ck"]).Latest();
        Assert.Equal(1024, latest.Checkpoint!.Manifest.ImagesSeen);
        Assert.Equal(["checkpoint-000000003072", "checkpoint-000000002048"], latest.Skipped.Select(item => item.Name));
        Assert.Contains("adam_m.safetensors", latest.Skipped[0].Reason, StringComparison.Ordinal);
        Assert.Contains("no manifest", latest.Skipped[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Latest_FileOfAnotherCheckpoint_IsNoticed()
    {
        using (var writer = CheckpointWriter.Open(directory["ck"]))
        {
            Save(writer, 1024, 1);
            Save(writer, 2048, 2);
        }

        File.Copy(directory["ck/checkpoint-000000001024/params.safetensors"], directory["ck/checkpoint-000000002048/params.safetensors"], overwrite: true);
        Assert.Contains("not the file its manifest names", new CheckpointStore(directory["ck"]).Latest().Skipped.Single().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Latest_ThousandFlippedBytes_AreAllDetected()
    {
        const int Seed = 77;
        var random = new Random(Seed);
        using (var writer = CheckpointWriter.Open(directory["ck"]))
        {
            Save(writer, 1024, 1);
            Save(writer, 2048, 2);
        }

        string[] files = Directory.GetFiles(directory["ck/checkpoint-000000002048"]);
        for (int i = 0; i < 1000; i++)
        {
            string path = files[random.Next(files.Length)];
            byte[] whole = File.ReadAllBytes(path);
            byte[] flipped = [.. whole];
            flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, flipped);
            var latest = new CheckpointStore(directory["ck"]).Latest();
            Assert.True(latest.Checkpoint?.Manifest.ImagesSeen == 1024 && latest.Skipped.Single().Name.EndsWith("2048", StringComparison.Ordinal), $"seed {Seed}, flip {i} in {path}");
            File.WriteAllBytes(path, whole);
        }

        Assert.Equal(2048, new CheckpointStore(directory["ck"]).Latest().Checkpoint!.Manifest.ImagesSeen);
    }

    [Fact]
    public void RemoveExpired_LastTwoAndEveryFourth_StayTheRestGo()
    {
        using var writer = CheckpointWriter.Open(directory["ck"], new CheckpointRetention(KeepLast: 2, KeepEveryImages: 4096));
        for (long images = 1024; images <= 8192 + 2048; images += 1024)
        {
            Save(writer, images, 1);
        }

        writer.RemoveExpired();
        Assert.Equal([4096, 8192, 9216, 10240], new CheckpointStore(directory["ck"]).ImageCounts);
    }

    [Fact]
    public void RemoveExpired_EverythingNewerDamaged_KeepsTheOneThatWorks()
    {
        using (var writer = CheckpointWriter.Open(directory["ck"]))
        {
            Save(writer, 1024, 1);
            Save(writer, 2048, 2);
            Save(writer, 3072, 3);
        }

        Flip(directory["ck/checkpoint-000000003072/params.safetensors"], 200);
        Flip(directory["ck/checkpoint-000000002048/params.safetensors"], 200);
        using var again = CheckpointWriter.Open(directory["ck"], new CheckpointRetention(KeepLast: 1));
        Assert.Equal([2048], again.RemoveExpired());
        Assert.Equal(1024, new CheckpointStore(directory["ck"]).Latest().Checkpoint!.Manifest.ImagesSeen);
    }

    [Fact]
    public void Open_InterruptedSaveReplaceAndRemoval_AreCleanedUp()
    {
        using (var writer = CheckpointWriter.Open(directory["ck"]))
        {
            Save(writer, 1024, 1);
        }

        // As a kill between the two renames of a replacement leaves it, beside an unfinished save and an unfinished removal.
        Directory.Move(directory["ck/checkpoint-000000001024"], directory["ck/.checkpoint-000000001024.replaced"]);
        Directory.CreateDirectory(directory["ck/.checkpoint-000000001024.writing"]);
        Directory.CreateDirectory(directory["ck/.checkpoint-000000000512.deleting"]);
        using var opened = CheckpointWriter.Open(directory["ck"]);
        Assert.Equal(["checkpoint-000000001024"], Directory.EnumerateFileSystemEntries(directory["ck"]).Select(Path.GetFileName));
        Assert.Equal(1024, new CheckpointStore(directory["ck"]).Latest().Checkpoint!.Manifest.ImagesSeen);
    }

    [Fact]
    public void Open_SecondWriter_IsRefused()
    {
        using var writer = CheckpointWriter.Open(directory["ck"]);
        Assert.Contains("another process", Assert.Throws<SaveFailedException>(() => CheckpointWriter.Open(directory["ck"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Save_SourceThrows_LeavesTheOldOneAndNoRubbish()
    {
        using var writer = CheckpointWriter.Open(directory["ck"]);
        Save(writer, 1024, 1);
        Assert.Throws<TimeoutException>(() => writer.Save(State(1024), Layout, [new CheckpointArena("params", (_, _) => throw new TimeoutException())]));
        Assert.Equal(Values(1), Load(new CheckpointStore(directory["ck"]).Latest().Checkpoint!, "params"));
        Assert.Single(Directory.EnumerateFileSystemEntries(directory["ck"]));
    }

    [Fact]
    public void Read_OtherLayout_IsRefused()
    {
        using var writer = CheckpointWriter.Open(directory["ck"]);
        Save(writer, 1024, 1);
        var other = new ArenaLayout([new("a.weight", [3, 2], 0), new("b.gain", [], 64)]);
        Assert.Contains("layout", Assert.Throws<ArgumentException>(() => new CheckpointStore(directory["ck"]).Open(1024).Read("params", other, new float[65])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Latest_NoDirectory_IsNothing() => Assert.Null(new CheckpointStore(directory["none"]).Latest().Checkpoint);

    private static float[] Values(int seed) => [.. Enumerable.Range(0, 65).Select(i => i is < 6 or 64 ? seed + i / 8f : 0)];

    private static float[] Load(Checkpoint checkpoint, string arena)
    {
        var values = new float[65];
        checkpoint.Read(arena, Layout, values);
        return values;
    }

    private static CheckpointState State(long images) => new()
    {
        RunId = "run", ImagesSeen = images, Steps = 7, ConfigDigest = "cfg", Extra = new Dictionary<string, string> { ["loss_scale"] = "0.1" },
    };

    private static void Save(CheckpointWriter writer, long images, int seed) => writer.Save(State(images), Layout,
    [
        CheckpointArena.FromMemory("params", Values(seed)),
        CheckpointArena.FromMemory("adam_m", Values(seed + 1)),
        CheckpointArena.FromMemory("ema-0.050", Values(seed + 2)),
    ]);

    private static void Flip(string path, int at)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[at < 0 ? bytes.Length + at : at] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
