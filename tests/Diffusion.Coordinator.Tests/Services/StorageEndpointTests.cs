using System.Security.Cryptography;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Files;
using Diffusion.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Coordinator.Tests.Services;

/// <summary>The run directory over real gRPC: what is taken, what is refused, and that nothing half is ever visible.</summary>
public sealed class StorageEndpointTests : IAsyncLifetime
{
    private const string Snapshot = "network-snapshot-0000001-0.100.safetensors";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-storage-").FullName;
    private readonly byte[] bytes = new byte[(2 << 20) + 12345];
    private CoordinatorServer server = null!;
    private FakeWorker worker = null!;
    private GrpcChannel channel = null!;
    private StorageService.StorageServiceClient client = null!;

    private string RunPath => Path.Combine(directory, "run");

    public async Task InitializeAsync()
    {
        new Random(5).NextBytes(bytes);
        server = await CoordinatorServer.StartAsync(
            new CoordinatorOptions { RunDirectory = RunPath, TimeoutScale = 3, Config = new RunConfig { Training = new TrainingConfig { KeepCheckpoints = 2 } } }, NullLoggerFactory.Instance, CancellationToken.None);
        worker = await FakeWorker.StartAsync(server, "a", RunPath);
        await worker.ReadyAsync(-1);
        await worker.NextAsync();
        channel = FakeWorker.Channel(server);
        client = new StorageService.StorageServiceClient(channel);
    }

    public async Task DisposeAsync()
    {
        worker.Dispose();
        channel.Dispose();
        await server.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task UploadFile_Snapshot_IsThereWithItsBytesAndNothingElse()
    {
        await UploadAsync(Header(Snapshot, folder: "half-life.50000"), bytes);

        Assert.Equal(bytes, File.ReadAllBytes(Path.Combine(RunPath, "snapshots", "half-life.50000", Snapshot)));
        Assert.Single(Directory.GetFiles(Path.Combine(RunPath, "snapshots", "half-life.50000")));
        Assert.True((await client.FindSnapshotAsync(new FindSnapshotRequest { Place = new SnapshotPlace { Folder = "half-life.50000", FileName = Snapshot } })).Found);
        Assert.False((await client.FindSnapshotAsync(new FindSnapshotRequest { Place = new SnapshotPlace { FileName = Snapshot } })).Found);
    }

    [Fact]
    public async Task UploadFile_FlippedByte_IsRefusedAndTheNextAttemptTaken()
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(Header(Snapshot), bytes, change: piece =>
        {
            byte[] changed = piece.Data.ToByteArray();
            changed[9] ^= 32;
            piece.Data = ByteString.CopyFrom(changed);
        }));
        Assert.Equal(StatusCode.DataLoss, refusal.StatusCode);
        Assert.Empty(Files("snapshots"));

        await UploadAsync(Header(Snapshot), bytes);
        Assert.Single(Files("snapshots"));
    }

    [Fact]
    public async Task UploadFile_WrongDigestOfTheWhole_IsRefused()
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(Header(Snapshot), bytes, sha256: new string('0', 64)));
        Assert.Equal(StatusCode.DataLoss, refusal.StatusCode);
        Assert.Empty(Files("snapshots"));
    }

    [Fact]
    public async Task UploadFile_StreamEndsInTheMiddle_LeavesNothing()
    {
        using (var call = client.UploadFile())
        {
            await call.RequestStream.WriteAsync(new UploadFileRequest { Header = Header(Snapshot) }).WaitAsync(Patience);
            await call.RequestStream.WriteAsync(new UploadFileRequest { Piece = Piece(0, bytes[..1000]) }).WaitAsync(Patience);
            await call.RequestStream.CompleteAsync();
            var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync.WaitAsync(Patience));
            Assert.Equal(StatusCode.DataLoss, refusal.StatusCode);
        }

        Assert.Empty(Files("snapshots"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task UploadFile_StreamBreaksOrStandsStill_IsTakenUpWhereItStopped(bool breaks)
    {
        var header = Header(Snapshot);
        var call = client.UploadFile();
        await call.RequestStream.WriteAsync(new UploadFileRequest { Header = header });
        await call.RequestStream.WriteAsync(new UploadFileRequest { Piece = Piece(0, bytes[..(1 << 20)]) });
        using var patience = new CancellationTokenSource(Patience);
        while (!Files("snapshots").Any(path => new FileInfo(path).Length == 1 << 20))
        {
            await Task.Delay(20, patience.Token);
        }

        if (breaks)
        {
            call.Dispose();
        }

        var found = client.FindUploadAsync(new FindUploadRequest { Header = header });
        Assert.Equal(1 << 20, (await found.ResponseAsync.WaitAsync(Patience)).Bytes);
        header.Offset = 1 << 20;
        await UploadAsync(header, bytes);
        Assert.Equal(bytes, File.ReadAllBytes(Assert.Single(Files("snapshots"))));
        call.Dispose();
    }

    [Fact]
    public async Task UploadFile_GoesOnWithWhatIsNotThere_IsRefused()
    {
        var header = Header(Snapshot);
        Assert.Equal(0, (await client.FindUploadAsync(new FindUploadRequest { Header = header }).ResponseAsync.WaitAsync(Patience)).Bytes);
        header.Offset = 1 << 20;
        var refusal = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(header, bytes));

        Assert.Equal(StatusCode.DataLoss, refusal.StatusCode);
        Assert.Empty(Files("snapshots"));
    }

    [Theory]
    [InlineData("", "../../run.token")]
    [InlineData("..", Snapshot)]
    [InlineData("a/b", Snapshot)]
    [InlineData("/tmp", Snapshot)]
    [InlineData("", "../" + Snapshot)]
    [InlineData("", "." + Snapshot)]
    [InlineData("", "catalogue.journal")]
    public async Task UploadFile_NameThatIsNoSnapshot_IsRefused(string folder, string name)
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(Header(name, folder), bytes));
        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
    }

    [Theory]
    [InlineData("../manifest.json")]
    [InlineData("run.json")]
    [InlineData("..safetensors")]
    [InlineData("a/weights.safetensors")]
    public async Task UploadFile_NameThatIsNoCheckpointFile_IsRefused(string name)
    {
        var header = Header(Snapshot);
        header.Checkpoint = new CheckpointPlace { ImagesSeen = 8, FileName = name };
        var refusal = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(header, bytes));
        Assert.Equal(StatusCode.InvalidArgument, refusal.StatusCode);
        var download = await Assert.ThrowsAsync<RpcException>(() => DownloadAsync(8, name, 0));
        Assert.Equal(StatusCode.InvalidArgument, download.StatusCode);
    }

    [Theory]
    [InlineData("a", 0L)]
    [InlineData("a", 2L)]
    [InlineData("stranger", 1L)]
    public async Task UploadFile_OtherGenerationOrStranger_IsRefused(string workerId, long generation)
    {
        var header = Header(Snapshot);
        (header.WorkerId, header.Generation) = (workerId, generation);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(header, bytes));
        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        Assert.Empty(Files("snapshots"));
    }

    [Fact]
    public async Task UploadFile_SenderIsLostMeanwhile_IsNotCommitted()
    {
        using var call = client.UploadFile();
        await call.RequestStream.WriteAsync(new UploadFileRequest { Header = Header(Snapshot) }).WaitAsync(Patience);
        await call.RequestStream.WriteAsync(new UploadFileRequest { Piece = Piece(0, bytes[..(1 << 20)]) }).WaitAsync(Patience);
        worker.Dispose();
        using var other = await FakeWorker.StartAsync(server, "b", RunPath);
        await other.ReadyAsync(-1);
        Assert.Equal(2, (await other.NextAsync()).Start.Generation);

        for (int offset = 1 << 20; offset < bytes.Length; offset += 1 << 20)
        {
            await call.RequestStream.WriteAsync(new UploadFileRequest { Piece = Piece(offset, bytes[offset..Math.Min(bytes.Length, offset + (1 << 20))]) }).WaitAsync(Patience);
        }

        await call.RequestStream.WriteAsync(new UploadFileRequest { Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes)) }).WaitAsync(Patience);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync.WaitAsync(Patience));
        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        Assert.Empty(Files("snapshots"));
    }

    [Fact]
    public async Task UploadFile_MoreThanTheDiskHolds_IsRefusedAsAFullDisk()
    {
        var header = Header(Snapshot);
        header.Bytes = 1L << 60;
        var refusal = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(header, bytes));
        Assert.Equal(StatusCode.ResourceExhausted, refusal.StatusCode);
        Assert.Contains("The disk is full", refusal.Status.Detail, StringComparison.Ordinal);
        Assert.Empty(Files("snapshots"));
    }

    [Fact]
    public async Task PublishCheckpoint_AllFilesThere_IsFoundAndComesBackAsItWas()
    {
        foreach (long images in new long[] { 8, 16, 24 })
        {
            await UploadCheckpointAsync(images);
            await PublishAsync(images);
            await PublishAsync(images);
        }

        Assert.Equal([16L, 24L], new CheckpointStore(Path.Combine(RunPath, "checkpoints")).ImageCounts);
        var found = await client.FindCheckpointAsync(new FindCheckpointRequest());
        Assert.Equal(24, found.ImagesSeen);
        Assert.Equal(["weights.safetensors", "manifest.json"], found.Files.Select(file => file.FileName));
        foreach (var file in found.Files)
        {
            byte[] sent = File.ReadAllBytes(Path.Combine(directory, "sent", "checkpoint-000000000024", file.FileName));
            Assert.Equal(sent, await DownloadAsync(24, file.FileName, 0));
            Assert.Equal(sent[100..], await DownloadAsync(24, file.FileName, 100));
        }

        Assert.Empty(Files("arriving"));
    }

    [Fact]
    public async Task PublishCheckpoint_FileIsMissing_IsRefusedAndNothingVisible()
    {
        await UploadCheckpointAsync(8, leaveOut: "weights.safetensors");
        var refusal = await Assert.ThrowsAsync<RpcException>(() => PublishAsync(8));
        Assert.Equal(StatusCode.DataLoss, refusal.StatusCode);
        Assert.Equal(-1, (await client.FindCheckpointAsync(new FindCheckpointRequest())).ImagesSeen);
        Assert.Empty(Files("arriving"));

        await UploadCheckpointAsync(8);
        await PublishAsync(8);
        Assert.Equal(8, (await client.FindCheckpointAsync(new FindCheckpointRequest())).ImagesSeen);
    }

    private Task PublishAsync(long images) =>
        client.PublishCheckpointAsync(new PublishCheckpointRequest { WorkerId = "a", Generation = 1, ImagesSeen = images }).ResponseAsync.WaitAsync(Patience);

    private async Task UploadCheckpointAsync(long images, string leaveOut = "")
    {
        var layout = new ArenaLayout([new ArenaSlot("w", [1000], 0)]);
        float[] values = [.. Enumerable.Range(0, 1000).Select(i => (float)(i + images))];
        using (var writer = CheckpointWriter.Open(Path.Combine(directory, "sent")))
        {
            writer.Save(
                new CheckpointState { RunId = "r", ImagesSeen = images, Steps = images / 8, ConfigDigest = "c" },
                layout,
                [new CheckpointArena("weights", (offset, count) => values.AsSpan((int)offset, count))]);
        }

        foreach (string path in Directory.GetFiles(CheckpointStore.PathIn(Path.Combine(directory, "sent"), images)).Where(path => Path.GetFileName(path) != leaveOut))
        {
            var header = Header(Snapshot);
            header.Checkpoint = new CheckpointPlace { ImagesSeen = images, FileName = Path.GetFileName(path) };
            byte[] content = File.ReadAllBytes(path);
            header.Bytes = content.Length;
            await UploadAsync(header, content);
        }
    }

    private async Task UploadAsync(UploadHeader header, byte[] content, Action<FilePiece>? change = null, string? sha256 = null)
    {
        using var call = client.UploadFile();
        var writing = WriteAsync(call.RequestStream, header, content, change, sha256);

        // Refused before its end, the writing may end, fail or never return; the answer says why.
        await Task.WhenAny(writing, call.ResponseAsync).WaitAsync(Patience);
        await call.ResponseAsync.WaitAsync(Patience);
    }

    private static async Task WriteAsync(IClientStreamWriter<UploadFileRequest> stream, UploadHeader header, byte[] content, Action<FilePiece>? change, string? sha256)
    {
        await stream.WriteAsync(new UploadFileRequest { Header = header });
        for (int offset = (int)header.Offset; offset < content.Length; offset += 1 << 20)
        {
            var piece = Piece(offset, content[offset..Math.Min(content.Length, offset + (1 << 20))]);
            change?.Invoke(piece);
            await stream.WriteAsync(new UploadFileRequest { Piece = piece });
        }

        await stream.WriteAsync(new UploadFileRequest { Sha256 = sha256 ?? Convert.ToHexStringLower(SHA256.HashData(content)) });
        await stream.CompleteAsync();
    }

    private async Task<byte[]> DownloadAsync(long images, string fileName, long offset)
    {
        using var call = client.DownloadFile(new DownloadFileRequest { Checkpoint = new CheckpointPlace { ImagesSeen = images, FileName = fileName }, Offset = offset });
        var received = new MemoryStream();
        while (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience))
        {
            var piece = call.ResponseStream.Current.Piece;
            Assert.Equal(offset + received.Length, piece.Offset);
            Assert.Equal(Crc32C.Compute(piece.Data.Span), piece.Crc32C);
            piece.Data.WriteTo(received);
        }

        return received.ToArray();
    }

    private UploadHeader Header(string name, string folder = "") =>
        new() { WorkerId = "a", Generation = 1, Snapshot = new SnapshotPlace { Folder = folder, FileName = name }, Bytes = bytes.Length };

    private static FilePiece Piece(long offset, byte[] content) => new() { Offset = offset, Data = ByteString.CopyFrom(content), Crc32C = Crc32C.Compute(content) };

    private string[] Files(string folder) =>
        Directory.Exists(Path.Combine(RunPath, folder)) ? Directory.GetFiles(Path.Combine(RunPath, folder), "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }) : [];
}
