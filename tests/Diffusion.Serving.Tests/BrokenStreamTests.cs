using System.Net;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Safetensors;
using Diffusion.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Diffusion.Serving.Tests;

/// <summary>The client against a server that does wrong.</summary>
[Collection(ServingTests.Name)]
public sealed class BrokenStreamTests(ServedRuns runs) : IDisposable
{
    private const int Chunk = 256 << 10;
    private static readonly SnapshotClientOptions Quick = new() { Patience = TimeSpan.FromSeconds(20), FirstWait = TimeSpan.FromMilliseconds(5) };
    private readonly CancellationTokenSource limit = new(ServedRuns.Patience);
    private readonly List<long> offsets = [];

    public void Dispose() => limit.Dispose();

    [Theory]
    [InlineData("cut")]
    [InlineData("end")]
    [InlineData("flip")]
    [InlineData("skip")]
    public async Task FetchAsync_FaultsInFourStreams_ResumesWhereItStoppedAndIsWhole(string fault)
    {
        byte[] bytes = await File.ReadAllBytesAsync(runs.Stored(1, "0.050"));
        await using var server = await StartAsync(bytes, call => call < 4 ? fault : "");
        using var client = new SnapshotClient(server.Urls.First()["http://".Length..], Quick);
        string path = Path.Combine(runs.Fresh(), "weights");
        var fetched = await client.FetchAsync(new WeightsQuery("tiny", 0.05), path, null, limit.Token);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(path));
        Assert.Equal(4, fetched.Resumed);

        // Each stream brings two good chunks, fewer where the cut overtakes them; nothing good is fetched twice.
        long[] expected = [0, 2 * Chunk, 4 * Chunk, 6 * Chunk, 8 * Chunk];
        Assert.Equal(offsets.Order(), offsets);
        Assert.True(fault == "cut" ? offsets.Zip(expected).All(pair => pair.First <= pair.Second) : offsets.SequenceEqual(expected), string.Join(' ', offsets));
    }

    [Fact]
    public async Task FetchAsync_AChunkThatIsAlwaysDamaged_GivesUpAndLeavesNothing()
    {
        byte[] bytes = await File.ReadAllBytesAsync(runs.Stored(1, "0.050"));
        await using var server = await StartAsync(bytes, _ => "flip at once");
        using var client = new SnapshotClient(server.Urls.First()["http://".Length..], Quick);
        string directory = runs.Fresh();
        var failure = await Assert.ThrowsAsync<IOException>(() => client.FetchAsync(new WeightsQuery("tiny", 0.05), Path.Combine(directory, "weights"), null, limit.Token));
        Assert.Contains("damaged", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(directory));
    }

    [Fact]
    public async Task FetchAsync_ChunksThatAreConsistentlyWrong_AreNoticedByTheDigest()
    {
        byte[] bytes = await File.ReadAllBytesAsync(runs.Stored(1, "0.050"));
        bytes[^100] ^= 1;
        await using var server = await StartAsync(bytes, _ => "");
        using var client = new SnapshotClient(server.Urls.First()["http://".Length..], Quick);
        string directory = runs.Fresh();
        await Assert.ThrowsAsync<DamagedFileException>(() => client.FetchAsync(new WeightsQuery("tiny", 0.05), Path.Combine(directory, "weights"), null, limit.Token));
        Assert.Empty(Directory.GetFileSystemEntries(directory));
    }

    [Fact]
    public async Task FetchAsync_ServerRestartedMeanwhile_IsTakenUpFromTheNewOne()
    {
        byte[] bytes = await File.ReadAllBytesAsync(runs.Stored(1, "0.050"));
        var first = await StartAsync(bytes, _ => "hang");
        int port = new Uri(first.Urls.First()).Port;
        using var client = new SnapshotClient($"127.0.0.1:{port}", Quick);
        string path = Path.Combine(runs.Fresh(), "weights");
        var half = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var fetching = client.FetchAsync(new WeightsQuery("tiny", 0.05), path, new When(2 * Chunk, half), limit.Token);
        await half.Task.WaitAsync(limit.Token);
        using (var now = new CancellationTokenSource())
        {
            await now.CancelAsync();
            await first.StopAsync(now.Token);
        }

        await first.DisposeAsync();
        await using var second = await StartAsync(bytes, _ => "", port);
        await fetching;
        Assert.Equal(bytes, await File.ReadAllBytesAsync(path));
        Assert.Equal([0, 2 * Chunk], offsets);
    }

    private async Task<WebApplication> StartAsync(byte[] bytes, Func<int, string> fault, int port = 0)
    {
        string contentId;
        using (var file = SafetensorsFile.Open(runs.Stored(1, "0.050")))
        {
            contentId = file.RecordedDigest!.ContentId;
        }

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(new IPEndPoint(IPAddress.Loopback, port), listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(new Faulty(bytes, contentId, fault, offsets));
        var application = builder.Build();
        application.MapGrpcService<Faulty>();
        await application.StartAsync(limit.Token);
        return application;
    }

    /// <summary>Sends two chunks right and then does what it is told.</summary>
    private sealed class Faulty(byte[] bytes, string contentId, Func<int, string> fault, List<long> offsets) : SnapshotService.SnapshotServiceBase
    {
        private int calls;

        public override async Task StreamWeights(StreamWeightsRequest request, IServerStreamWriter<StreamWeightsResponse> responseStream, ServerCallContext context)
        {
            offsets.Add(request.Offset);
            string what = fault(calls++);
            await responseStream.WriteAsync(new StreamWeightsResponse { Header = new WeightsHeader { Run = "tiny", ImagesSeen = 1024, RelativeStd = 0.05, Precision = WeightPrecision.Float16, Bytes = bytes.Length, ContentId = contentId } });
            int sent = 0;
            for (int at = (int)request.Offset; at < bytes.Length; at += Chunk, sent++)
            {
                byte[] data = bytes[at..Math.Min(bytes.Length, at + Chunk)];
                uint crc = Crc32C.Compute(data);
                int offset = at;
                switch (sent == 2 || what == "flip at once" ? what : "")
                {
                    case "cut":
                        context.GetHttpContext().Abort();
                        return;
                    case "end":
                        return;
                    case "flip" or "flip at once":
                        data[data.Length / 2] ^= 4;
                        break;
                    case "skip":
                        offset += Chunk;
                        break;
                    case "hang":
                        await Task.Delay(Timeout.Infinite, context.CancellationToken);
                        break;
                }

                await responseStream.WriteAsync(new StreamWeightsResponse { Chunk = new WeightsChunk { Offset = offset, Data = ByteString.CopyFrom(data), Crc32C = crc } });
            }
        }
    }

    private sealed class When(long bytes, TaskCompletionSource reached) : IProgress<(long Done, long Total)>
    {
        public void Report((long Done, long Total) value)
        {
            if (value.Done >= bytes)
            {
                reached.TrySetResult();
            }
        }
    }
}
