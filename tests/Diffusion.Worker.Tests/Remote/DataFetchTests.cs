using Diffusion.Contracts.Configuration;
using Diffusion.Coordinator;
using Diffusion.Data;
using Diffusion.V1;
using Diffusion.Worker.Remote;
using Diffusion.Worker.Session;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Worker.Tests.Remote;

/// <summary>Images over real gRPC from a real coordinator, through a client that can damage and break what comes.</summary>
public sealed class DataFetchTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-fetch-").FullName;
    private CoordinatorServer server = null!;
    private CoordinatorChannel channel = null!;

    private string Images => Path.Combine(directory, "images");

    private string Cache => Path.Combine(directory, "worker-cache");

    public async Task InitializeAsync()
    {
        ShapesDataset.Write(Images, new ShapesOptions { Count = 1500, Resolution = 32 }, null, CancellationToken.None);
        server = await StartAsync(Images);
        channel = Dial(server);
    }

    public async Task DisposeAsync()
    {
        channel.Dispose();
        await server.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task OpenAsync_FlippedByteAndBrokenStream_AreFetchedAgainFromThere()
    {
        // 1,500 images are more than four pieces: the second arrives damaged once, the third breaks the stream once.
        var client = new FaultyClient(channel.Data) { DamageOnce = 1 << 20, BreakOnce = 2 << 20 };
        using var fetched = await Fetch(client).OpenAsync(Cache, CancellationToken.None).WaitAsync(Patience);

        Assert.Equal([0L, 1 << 20, 2 << 20, 0L], client.Offsets);
        fetched.Verify(null, CancellationToken.None);
        using var own = new DatasetCache(Path.Combine(directory, "own")).Open(Images, null, CancellationToken.None);
        Assert.Equal(own.Digest, fetched.Digest);
    }

    [Fact]
    public async Task OpenAsync_KilledAndStartedAgain_GoesOnInTheMiddle()
    {
        using var end = new CancellationTokenSource();
        var client = new FaultyClient(channel.Data) { OnPiece = offset => { if (offset >= 2 << 20) { end.Cancel(); } } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Fetch(client).OpenAsync(Cache, end.Token).WaitAsync(Patience));

        var again = new FaultyClient(channel.Data);
        (await Fetch(again).OpenAsync(Cache, CancellationToken.None).WaitAsync(Patience)).Dispose();
        Assert.True(again.Offsets[0] >= 2 << 20, $"It began at {again.Offsets[0]}.");
    }

    [Theory]
    [InlineData("../run.token", 0L, StatusCode.NotFound)]
    [InlineData("/etc/passwd", 0L, StatusCode.NotFound)]
    [InlineData("manifest.json", 0L, StatusCode.NotFound)]
    [InlineData("images-00000.bin", -1L, StatusCode.OutOfRange)]
    [InlineData("images-00000.bin", 1L << 40, StatusCode.OutOfRange)]
    public async Task ReadData_OutsideOfTheDataSet_IsRefused(string fileName, long offset, StatusCode expected)
    {
        using var call = channel.Data.ReadData(new ReadDataRequest { FileName = fileName, Offset = offset });
        var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(Patience));
        Assert.Equal(expected, refusal.StatusCode);
    }

    [Fact]
    public async Task OpenAsync_CoordinatorHasNoImages_SaysHowToGiveThem()
    {
        await using var empty = await StartAsync("");
        using var other = Dial(empty);
        var error = await Assert.ThrowsAsync<ConfigurationException>(() => Fetch(other.Data).OpenAsync(Cache, CancellationToken.None).WaitAsync(Patience));
        Assert.Contains("Start it with --data PATH", error.Message, StringComparison.Ordinal);
    }

    private static DataFetch Fetch(DataService.DataServiceClient client) => new(client, WorkerTimeouts.Scaled(1), TimeProvider.System, NullLogger.Instance);

    private static CoordinatorChannel Dial(CoordinatorServer server) => new(CoordinatorAddress.Parse(server.Endpoint.ToString()));

    private Task<CoordinatorServer> StartAsync(string data) => CoordinatorServer.StartAsync(
        new CoordinatorOptions
        {
            Config = new RunConfig { Data = new DataConfig { Path = data } },
            RunDirectory = Path.Combine(directory, $"run-{data.Length}"),
            DataCacheDirectory = Path.Combine(directory, "coordinator-cache"),
        },
        NullLoggerFactory.Instance,
        CancellationToken.None);

    /// <summary>Flips a byte or breaks the stream, once each, at the piece that begins at an offset.</summary>
    private sealed class FaultyClient(DataService.DataServiceClient real) : DataService.DataServiceClient
    {
        public long DamageOnce { get; set; } = -1;

        public long BreakOnce { get; set; } = -1;

        public Action<long>? OnPiece { get; init; }

        /// <summary>Offsets that were asked for.</summary>
        public List<long> Offsets { get; } = [];

        public override AsyncUnaryCall<DescribeDataResponse> DescribeDataAsync(DescribeDataRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            real.DescribeDataAsync(request, headers, deadline, cancellationToken);

        public override AsyncServerStreamingCall<ReadDataResponse> ReadData(ReadDataRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default)
        {
            Offsets.Add(request.Offset);
            var call = real.ReadData(request, headers, deadline, cancellationToken);
            return new AsyncServerStreamingCall<ReadDataResponse>(new Reader(this, call.ResponseStream), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers, call.Dispose);
        }

        private sealed class Reader(FaultyClient owner, IAsyncStreamReader<ReadDataResponse> stream) : IAsyncStreamReader<ReadDataResponse>
        {
            public ReadDataResponse Current { get; private set; } = new();

            public async Task<bool> MoveNext(CancellationToken cancellationToken)
            {
                if (!await stream.MoveNext(cancellationToken))
                {
                    return false;
                }

                Current = stream.Current;
                owner.OnPiece?.Invoke(Current.Offset);
                if (Current.Offset == owner.BreakOnce)
                {
                    owner.BreakOnce = -1;
                    throw new RpcException(new Status(StatusCode.Unavailable, "broken by a test"));
                }

                if (Current.Offset == owner.DamageOnce)
                {
                    owner.DamageOnce = -1;
                    byte[] bytes = Current.Data.ToByteArray();
                    bytes[100] ^= 4;
                    Current = new ReadDataResponse { Offset = Current.Offset, Crc32C = Current.Crc32C, Data = Google.Protobuf.ByteString.CopyFrom(bytes) };
                }

                return true;
            }
        }
    }
}
