using System.Collections.Concurrent;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Library;

public sealed class SnapshotLibraryTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory directory = new();
    private readonly CancellationTokenSource limit = new(Patience);

    private string Run => directory["tiny"];

    private SnapshotLibraryOptions Options => new() { CacheDirectory = directory["cache"] };

    private string[] Cached => Directory.Exists(directory["cache"]) ? [.. Directory.GetFiles(directory["cache"]).Select(path => Path.GetFileName(path)).Order()] : [];

    public void Dispose()
    {
        limit.Dispose();
        directory.Dispose();
    }

    [Fact]
    public async Task OpenAsync_AnUntrackedLength_HasTheBytesOfTheReconstruction()
    {
        WriteRun(3);
        await using var library = SnapshotLibrary.Open([Run], Options);
        using var found = await library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token);
        Assert.Equal((3072, 0.07, ElementType.Float16, false), (found.ImagesSeen, found.RelativeStd, found.ElementType, found.IsTracked));
        Assert.Equal(Reconstructed(0.07, 3072, ElementType.Float16), Bytes(found));
    }

    [Fact]
    public async Task OpenAsync_AnEarlierTimeInFloat32_HasTheBytesOfTheReconstruction()
    {
        WriteRun(3);
        await using var library = SnapshotLibrary.Open([Run], Options);
        using var found = await library.OpenAsync(new WeightsQuery("", 0.2, 2048, ElementType.Float32), limit.Token);
        Assert.Equal(Reconstructed(0.2, 2048, ElementType.Float32), Bytes(found));
    }

    [Fact]
    public async Task OpenAsync_ATrackedLength_IsTheFileItself()
    {
        WriteRun(2);
        await using var library = SnapshotLibrary.Open([Run], Options);
        using var found = await library.OpenAsync(new WeightsQuery("run-1", 0.1 - 1e-17, 1024), limit.Token);
        Assert.True(found.IsTracked);
        Assert.Equal(Path.Combine(Run, "snapshots", "network-snapshot-0000001-0.100.safetensors"), found.File.Name);
        Assert.Empty(Cached);
        Assert.Equal(0, library.ReconstructionCount);
    }

    [Fact]
    public async Task OpenAsync_ATrackedLengthInTheOtherPrecision_HasItsValuesExactly()
    {
        WriteRun(3);
        await using var library = SnapshotLibrary.Open([Run], Options);
        using var found = await library.OpenAsync(new WeightsQuery("tiny", 0.05, 2048, ElementType.Float32), limit.Token);
        using var wide = SafetensorsFile.Open(found.File.Name);
        using var stored = SafetensorsFile.Open(Path.Combine(Run, "snapshots", "network-snapshot-0000002-0.050.safetensors"));
        Assert.Equal(stored.Float32("weight"), wide.Float32("weight"));
        Assert.Equal(ElementType.Float32, wide.Entry("weight").ElementType);
    }

    [Fact]
    public async Task OpenAsync_EightAtOnce_ShareOneReconstruction()
    {
        WriteRun(4);
        await using var library = SnapshotLibrary.Open([Run], Options);
        var found = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => library.OpenAsync(new WeightsQuery("tiny", 0.123), limit.Token)));
        Assert.Equal(1, library.ReconstructionCount);
        Assert.Single(found.Select(weights => weights.ContentId).Distinct());
        Array.ForEach(found, weights => weights.Dispose());
    }

    [Fact]
    public async Task OpenAsync_AfterARestart_ComesFromTheCache()
    {
        WriteRun(3);
        string digest;
        await using (var first = SnapshotLibrary.Open([Run], Options))
        {
            using var made = await first.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token);
            digest = made.ContentId;
        }

        await using var library = SnapshotLibrary.Open([Run], Options);
        using var found = await library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token);
        Assert.Equal(digest, found.ContentId);
        Assert.Equal(0, library.ReconstructionCount);
    }

    [Theory]
    [InlineData("flip")]
    [InlineData("cut")]
    public async Task OpenAsync_ADamagedCacheFile_IsMadeAgain(string damage)
    {
        WriteRun(3);
        byte[] right;
        await using (var first = SnapshotLibrary.Open([Run], Options))
        {
            using var made = await first.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token);
            right = Bytes(made);
        }

        byte[] wrong = [.. right];
        wrong[^5] ^= 1;
        File.WriteAllBytes(directory["cache/" + Cached.Single()], damage == "flip" ? wrong : wrong[..^9]);
        await using var library = SnapshotLibrary.Open([Run], Options);
        using var found = await library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token);
        Assert.Equal(right, Bytes(found));
        Assert.Equal(1, library.ReconstructionCount);
    }

    [Fact]
    public async Task OpenAsync_ADamagedSnapshot_NamesTheFile()
    {
        WriteRun(2);
        string path = Path.Combine(Run, "snapshots", "network-snapshot-0000001-0.050.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        await using var library = SnapshotLibrary.Open([Run], Options);
        var damage = await Assert.ThrowsAsync<DamagedFileException>(() => library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token));
        Assert.Equal(path, damage.Path);
        Assert.Empty(Cached);
    }

    [Fact]
    public async Task OpenAsync_MoreThanTheLimit_RemovesWhatWasUsedLongestAgoButNothingInUse()
    {
        WriteRun(3);
        long size;
        await using (var one = SnapshotLibrary.Open([Run], Options))
        {
            using var first = await one.OpenAsync(new WeightsQuery("tiny", 0.11), limit.Token);
            size = first.Bytes;
        }

        var time = new ManualTime();
        await using var library = SnapshotLibrary.Open([Run], Options with { CacheBytes = 3 * size + size / 2 }, time);
        await UseAsync(library, 0.11, time);
        await UseAsync(library, 0.12, time);
        using var held = await library.OpenAsync(new WeightsQuery("tiny", 0.12), limit.Token);
        await UseAsync(library, 0.13, time);
        await UseAsync(library, 0.11, time);

        // Three fit. 0.12 was used longest ago but is being read, so 0.13 goes.
        await UseAsync(library, 0.14, time);
        Assert.Equal(["0.110", "0.120", "0.140"], Cached.Select(name => name.Split('-')[2].Replace(".safetensors", "", StringComparison.Ordinal)).Order());
        Assert.Equal(Reconstructed(0.12, 3072, ElementType.Float16), Bytes(held));
        Assert.Equal(3, library.ReconstructionCount);
    }

    [Fact]
    public async Task OpenAsync_ACacheInAFolderOfSnapshots_RemovesNoneOfThem()
    {
        WriteRun(3);
        string folder = Path.Combine(Run, "snapshots");
        int before = Directory.GetFiles(folder).Length;
        await using var library = SnapshotLibrary.Open([Run], Options with { CacheDirectory = folder, CacheBytes = 0 });
        (await library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token)).Dispose();
        (await library.OpenAsync(new WeightsQuery("tiny", 0.08), limit.Token)).Dispose();
        Assert.Equal(before + 1, Directory.GetFiles(folder).Length);
        Assert.Equal(3, library.Snapshots("tiny").Times.Count);
    }

    [Fact]
    public async Task OpenAsync_ARunThatGrows_ServesTheNewSnapshotAndTheOldOnes()
    {
        WriteRun(2);
        await using var library = SnapshotLibrary.Open([Run], Options);
        (await library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token)).Dispose();
        WriteTime(3);
        Assert.Equal([1024, 2048, 3072], library.Snapshots("tiny").Times.Select(time => time.ImagesSeen));
        using var latest = await library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token);
        Assert.Equal(3072, latest.ImagesSeen);
        (await library.OpenAsync(new WeightsQuery("tiny", 0.07, 2048), limit.Token)).Dispose();
        Assert.Equal(2, library.ReconstructionCount);
    }

    [Theory]
    [InlineData("other", 0.07, null, true, "There is no run 'other'. There is tiny.")]
    [InlineData("tiny", 0.07, 1500L, true, "no snapshot at 1500 images. The nearest is at 1024; there are 2, from 1024 to 2048.")]
    [InlineData("tiny", 0.0, null, false, "Length 0 is not in (0, 0.289)")]
    [InlineData("tiny", 0.289, null, false, "Length 0.289 is not in (0, 0.289)")]
    [InlineData("tiny", double.NaN, null, false, "Length NaN is not in (0, 0.289)")]
    public async Task OpenAsync_WhatIsNotThere_SaysWhatIs(string run, double length, long? images, bool isUnknown, string says)
    {
        WriteRun(2);
        await using var library = SnapshotLibrary.Open([Run], Options);
        var refusal = await Assert.ThrowsAsync<WeightsRefusedException>(() => library.OpenAsync(new WeightsQuery(run, length, images), limit.Token));
        Assert.Contains(says, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(isUnknown, refusal.IsUnknown);
    }

    [Fact]
    public async Task DescribeAsync_BeforeAndAfterItIsMade_TellsErrorAndDigest()
    {
        WriteRun(3);
        await using var library = SnapshotLibrary.Open([Run], Options);
        var before = await library.DescribeAsync(new WeightsQuery("tiny", 0.07), limit.Token);
        Assert.Equal((6, "", 0L, false), (before.InputCount, before.ContentId, before.Bytes, before.IsTracked));
        Assert.InRange(before.ExpectedError, 1e-9, 0.5);
        using var made = await library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token);
        var after = await library.DescribeAsync(new WeightsQuery("tiny", 0.07), limit.Token);
        Assert.Equal((made.ContentId, made.Bytes), (after.ContentId, after.Bytes));
        Assert.Equal("{\"a\":1}", after.Config);
    }

    [Fact]
    public async Task JoinAsync_OneOfTwoGivesUp_TheOtherGetsTheResult()
    {
        await using var shared = new SharedWork<MemoryStream>();
        var release = new TaskCompletionSource<MemoryStream>();
        using var leaving = new CancellationTokenSource();
        int started = 0;
        Task<MemoryStream> Start(CancellationToken stop)
        {
            Interlocked.Increment(ref started);
            return release.Task.WaitAsync(stop);
        }

        var leaver = shared.JoinAsync("key", Start, leaving.Token);
        var stayer = shared.JoinAsync("key", Start, limit.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaver);
        var result = new MemoryStream();
        release.SetResult(result);
        var hold = await stayer;
        Assert.Equal(1, started);
        Assert.True(result.CanRead);
        hold.Dispose();
        await shared.DisposeAsync();
        Assert.False(result.CanRead, "The result outlived the last of those who waited for it.");
    }

    [Fact]
    public async Task JoinAsync_AllGiveUp_TheWorkIsCancelledAndStartsAnewForTheNext()
    {
        await using var shared = new SharedWork<MemoryStream>();
        var stopped = new ConcurrentQueue<CancellationToken>();
        using var leaving = new CancellationTokenSource();
        async Task<MemoryStream> Never(CancellationToken stop)
        {
            stopped.Enqueue(stop);
            await Task.Delay(Timeout.Infinite, stop);
            return new MemoryStream();
        }

        var leaver = shared.JoinAsync("key", Never, leaving.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaver);
        using var next = await shared.JoinAsync("key", _ => Task.FromResult(new MemoryStream()), limit.Token);
        Assert.All(stopped, token => Assert.True(token.IsCancellationRequested));
    }

    private async Task UseAsync(SnapshotLibrary library, double length, ManualTime time)
    {
        time.Now += TimeSpan.FromSeconds(1);
        (await library.OpenAsync(new WeightsQuery("tiny", length), limit.Token)).Dispose();
    }

    private byte[] Reconstructed(double length, long images, ElementType type)
    {
        using var snapshots = SnapshotSet.Open(Path.Combine(Run, "snapshots"), SnapshotName.Training);
        var plan = PostHocReconstruction.Plan(snapshots, [length], [images]);
        return File.ReadAllBytes(directory["own/" + plan.Run(directory["own"], new ReconstructionOptions { ElementType = type })[0].File]);
    }

    private static byte[] Bytes(OpenWeights weights)
    {
        var bytes = new byte[weights.Bytes];
        RandomAccess.Read(weights.File.SafeFileHandle, bytes, 0);
        return bytes;
    }

    private void WriteRun(int times)
    {
        Directory.CreateDirectory(Path.Combine(Run, "snapshots"));
        File.WriteAllText(Path.Combine(Run, "run.json"), "{\"a\":1}");
        for (int time = 1; time <= times; time++)
        {
            WriteTime(time);
        }
    }

    private void WriteTime(int time)
    {
        foreach (double std in new[] { 0.05, 0.1 })
        {
            var random = new Random(time + (int)(std * 1000));
            new SnapshotWriter(Path.Combine(Run, "snapshots")).Write(
                new SnapshotInfo { RunId = "run-1", ImagesSeen = time * 1024, RelativeStd = std },
                [new SnapshotTensor("weight", [40, 50])],
                _ => Enumerable.Range(0, 2000).Select(_ => random.NextSingle() * 2 - 1).ToArray());
        }
    }

    private sealed class ManualTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch.AddYears(50);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
