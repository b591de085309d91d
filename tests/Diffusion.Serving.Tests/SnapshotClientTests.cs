using System.Net;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Safetensors;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Serving.Tests;

/// <summary>The client against the server, over real gRPC on loopback.</summary>
[Collection(ServingTests.Name)]
public sealed class SnapshotClientTests(ServedRuns runs) : IDisposable
{
    private readonly CancellationTokenSource limit = new(ServedRuns.Patience);

    public void Dispose() => limit.Dispose();

    [Fact]
    public async Task FetchAsync_AnyLength_IsWhatTheLibraryMakes()
    {
        await using var server = await runs.StartAsync();
        using var client = new SnapshotClient(server.Grpc.ToString());
        string path = Path.Combine(runs.Fresh(), "weights.safetensors");
        var progress = new Last();
        var fetched = await client.FetchAsync(new WeightsQuery("tiny", 0.07), path, progress, limit.Token);
        using var here = await server.Library.OpenAsync(new WeightsQuery("tiny", 0.07), limit.Token);
        Assert.Equal((3072, 0.07, ElementType.Float16, false, 0, here.ContentId), (fetched.ImagesSeen, fetched.RelativeStd, fetched.ElementType, fetched.IsTracked, fetched.Resumed, fetched.ContentId));
        Assert.Equal(await File.ReadAllBytesAsync(here.File.Name), await File.ReadAllBytesAsync(path));
        Assert.Equal((here.Bytes, here.Bytes), progress.Value);
        Assert.Single(Directory.GetFileSystemEntries(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public async Task FetchIntoAsync_Twice_StreamsOnceAndADamagedCopyAgain()
    {
        await using var server = await runs.StartAsync();
        using var client = new SnapshotClient(server.Grpc.ToString());
        string directory = Path.Combine(runs.Fresh(), "fetched");
        var progress = new Last();
        var first = await client.FetchIntoAsync(new WeightsQuery("tiny", 0.1, 2048), directory, progress, limit.Token);
        Assert.Equal(Path.Combine(directory, first.ContentId + ".safetensors"), first.Path);
        progress.Value = default;
        Assert.Equal(first.Path, (await client.FetchIntoAsync(new WeightsQuery("tiny", 0.1, 2048), directory, progress, limit.Token)).Path);
        Assert.Equal(default, progress.Value);

        byte[] bytes = await File.ReadAllBytesAsync(first.Path);
        byte[] wrong = [.. bytes];
        wrong[^1] ^= 1;
        await File.WriteAllBytesAsync(first.Path, wrong);
        await client.FetchIntoAsync(new WeightsQuery("tiny", 0.1, 2048), directory, progress, limit.Token);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(first.Path));
    }

    [Fact]
    public async Task FetchAsync_EightAtOnce_ShareOneReconstruction()
    {
        await using var server = await runs.StartAsync();
        using var client = new SnapshotClient(server.Grpc.ToString());
        string directory = runs.Fresh();
        var fetched = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => client.FetchAsync(new WeightsQuery("tiny", 0.2), Path.Combine(directory, $"{i}"), null, limit.Token)));
        Assert.Single(fetched.Select(weights => weights.ContentId).Distinct());
        Assert.Equal(1, server.Library.ReconstructionCount);
    }

    [Fact]
    public async Task Lists_OfAServer_NameRunsTimesAndLengths()
    {
        await using var server = await runs.StartAsync();
        using var client = new SnapshotClient(server.Grpc.ToString());
        var run = Assert.Single(await client.ListRunsAsync(limit.Token));
        Assert.Equal(("tiny", "tiny-1", 3, 3072L, "0.05 0.1"), (run.Name, run.RunId, run.SnapshotCount, run.LatestImagesSeen, string.Join(' ', run.TrackedLengths)));
        var times = (await client.ListSnapshotsAsync("", limit.Token)).Times;
        Assert.Equal([1024, 2048, 3072], times.Select(time => time.ImagesSeen));
        Assert.All(times, time => Assert.Equal([0.05, 0.1], time.Tracked.Select(average => average.RelativeStd)));
        var described = await client.DescribeAsync(new WeightsQuery("tiny", 0.05, 1024), limit.Token);
        Assert.Equal((true, 0.0, times[0].Tracked[0].ContentId, "{\"seed\":1}", "power-function"), (described.IsTracked, described.ExpectedError, described.ContentId, described.Config, described.Profile));
    }

    [Theory]
    [InlineData("nothing", 0.07, null, StatusCode.NotFound, "There is tiny.")]
    [InlineData("../tiny", 0.07, null, StatusCode.NotFound, "There is tiny.")]
    [InlineData("tiny", 0.07, 5L, StatusCode.NotFound, "The nearest is at 1024")]
    [InlineData("tiny", 0.3, null, StatusCode.InvalidArgument, "0.289")]
    [InlineData("tiny", -1.0, null, StatusCode.InvalidArgument, "0.289")]
    public async Task FetchAsync_WhatIsNotThere_SaysWhatIs(string run, double length, long? images, StatusCode status, string says)
    {
        await using var server = await runs.StartAsync();
        using var client = new SnapshotClient(server.Grpc.ToString());
        string directory = runs.Fresh();
        var refusal = await Assert.ThrowsAsync<RpcException>(() => client.FetchAsync(new WeightsQuery(run, length, images), Path.Combine(directory, "weights"), null, limit.Token));
        Assert.Equal(status, refusal.StatusCode);
        Assert.Contains(says, refusal.Status.Detail, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(directory));
    }

    [Fact]
    public async Task StartAsync_APortInUse_IsRefusedByName()
    {
        await using var server = await runs.StartAsync();
        var refusal = await Assert.ThrowsAsync<ConfigurationException>(() => SnapshotServer.StartAsync(runs.Options() with { HttpPort = server.Http!.Port }, NullLoggerFactory.Instance, limit.Token));
        Assert.Contains($"127.0.0.1:{server.Http!.Port}", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("--http-port", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartAsync_NoRun_IsRefused() => Assert.Contains(
        "is no run",
        (await Assert.ThrowsAsync<ConfigurationException>(() => SnapshotServer.StartAsync(runs.Options() with { Runs = [runs.Fresh()] }, NullLoggerFactory.Instance, limit.Token))).Message,
        StringComparison.Ordinal);

    [Fact]
    public async Task SendAsync_AReaderThatStops_KeepsTwoPiecesInMemory()
    {
        string path = Path.Combine(runs.Fresh(), "large");
        await File.WriteAllBytesAsync(path, new byte[10 * FilePieces.PieceBytes]);
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var release = new TaskCompletionSource();
        long sent = 0;
        async Task Send(long offset, ByteString data, uint crc)
        {
            sent += data.Length;
            first.TrySetResult();
            await release.Task;
        }

        var sending = FilePieces.SendAsync(file, 0, Send, limit.Token);
        await first.Task.WaitAsync(limit.Token);
        Assert.InRange(file.Position, FilePieces.PieceBytes, 2 * FilePieces.PieceBytes);
        Assert.Equal(FilePieces.PieceBytes, sent);
        release.SetResult();
        await sending.WaitAsync(limit.Token);
        Assert.Equal(10 * FilePieces.PieceBytes, sent);
    }

    private sealed class Last : IProgress<(long Done, long Total)>
    {
        public (long Done, long Total) Value { get; set; }

        public void Report((long Done, long Total) value) => Value = value;
    }
}
