using System.Net;
using System.Net.Sockets;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Coordinator.Tests.Services;

/// <summary>The coordinator over real gRPC on loopback, with workers that only speak the protocol.</summary>
public sealed class CoordinatorServerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-coordinator-").FullName;

    private string RunPath => Path.Combine(directory, "run");

    private CoordinatorOptions Options => new()
    {
        RunDirectory = RunPath,
        Config = new RunConfig { Training = new TrainingConfig { BatchSize = 8, DurationImages = 160, StatusImages = 0, SnapshotImages = 0, CheckpointImages = 0 } },
    };

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Session_TwoWorkersOneDies_OtherFinishesInTheNextGeneration()
    {
        await using var server = await StartAsync(Options with { WorkersToStart = 2 });
        using var a = await FakeWorker.StartAsync(server, "a", RunPath);
        using (var b = await FakeWorker.StartAsync(server, "b", RunPath))
        {
            await a.ReadyAsync(-1);
            await b.ReadyAsync(-1);
            var start = (await a.NextAsync()).Start;
            Assert.Equal("a", start.WriterWorkerId);
            Assert.Equal([(0, 0, 4), (1, 4, 8)], start.Members.SelectMany(member => member.Ranks).Select(rank => (rank.Rank, rank.FirstShard, rank.EndShard)));
            Assert.Equal(1, (await b.NextAsync()).Start.Generation);
            for (int step = 1; step <= 10; step++)
            {
                await a.ProgressAsync(step);
                await b.ProgressAsync(step);
            }
        }

        var abort = (await a.NextAsync()).Abort;
        Assert.Contains("b is lost", abort.Reason, StringComparison.Ordinal);
        await a.ReadyAsync(10);
        Assert.Equal(2, (await a.NextAsync()).Start.Generation);
        for (int step = 11; step <= 20; step++)
        {
            await a.ProgressAsync(step);
        }

        await a.ReadyAsync(20, finished: true);
        Assert.Equal(DismissKind.Finished, (await a.NextAsync()).Dismiss.Kind);
        await a.CompleteAsync();
        Assert.Equal((RunEnd.Finished, 160L), await server.Completion.WaitAsync(Patience) is var outcome ? (outcome.End, outcome.ImagesSeen) : default);
    }

    [Fact]
    public async Task StartAsync_AfterAKill_MembersReattachAndTheGenerationGoesOn()
    {
        int port;
        await using (var server = await StartAsync(Options))
        {
            // Disposed without a stop: to the worker it looks like a kill.
            using var before = await FakeWorker.StartAsync(server, "a", RunPath);
            await before.ReadyAsync(-1);
            await before.NextAsync();
            await before.ProgressAsync(3);
            port = server.Endpoint.Port;
            await server.DisposeAsync();
        }

        await using var again = await StartAsync(Options);
        Assert.Equal(port, again.Endpoint.Port);
        using var stranger = await FakeWorker.StartAsync(again, "nobody", RunPath, join: false, generation: 1);
        var refusal = await Assert.ThrowsAsync<RpcException>(stranger.NextAsync);
        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);

        using var a = await FakeWorker.StartAsync(again, "a", RunPath, join: false, generation: 1);
        await a.ProgressAsync(20);
        await a.ReadyAsync(20, finished: true);
        Assert.Equal(DismissKind.Finished, (await a.NextAsync()).Dismiss.Kind);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(1000)]
    public async Task StartAsync_ShortestAndLongestTimeouts_Listens(double scale)
    {
        await using var server = await StartAsync(Options with { TimeoutScale = scale });
        Assert.NotEqual(0, server.Endpoint.Port);
    }

    [Fact]
    public async Task WatchRun_UntilTheEnd_TellsPhasesAndCloses()
    {
        await using var server = await StartAsync(Options);
        using var channel = FakeWorker.Channel(server);
        using var watch = new RunService.RunServiceClient(channel).WatchRun(new WatchRunRequest());
        using var a = await FakeWorker.StartAsync(server, "a", RunPath);
        await a.ReadyAsync(-1);
        await a.NextAsync();
        await a.ReadyAsync(20, finished: true);
        await a.NextAsync();
        await a.CompleteAsync();

        using var patience = new CancellationTokenSource(Patience);
        var phases = new List<RunPhase>();
        while (await watch.ResponseStream.MoveNext(patience.Token))
        {
            phases.Add(watch.ResponseStream.Current.Status.Phase);
        }

        Assert.Equal(RunPhase.Finished, phases[^1]);
    }

    [Fact]
    public async Task StopRun_WithoutWorkers_StopsAndTidiesUp()
    {
        var server = await StartAsync(Options);
        Assert.True(File.Exists(Path.Combine(RunPath, "coordinator.json")));
        using (var channel = FakeWorker.Channel(server))
        {
            await new RunService.RunServiceClient(channel).StopRunAsync(new StopRunRequest { Reason = "a test." });
        }

        Assert.Equal(RunEnd.Stopped, (await server.Completion.WaitAsync(Patience)).End);
        await server.DisposeAsync();
        Assert.False(File.Exists(Path.Combine(RunPath, "coordinator.json")));
    }

    [Fact]
    public async Task Rendezvous_GenerationNotOpen_IsRefused()
    {
        await using var server = await StartAsync(Options);
        using var channel = FakeWorker.Channel(server);
        var client = new RendezvousService.RendezvousServiceClient(channel);
        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await client.PutAsync(new PutRequest { Generation = 1, Key = "0" }));

        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
    }

    [Fact]
    public async Task Rendezvous_InAGeneration_WaitsUntilTheDeadline()
    {
        await using var server = await StartAsync(Options);
        using var a = await FakeWorker.StartAsync(server, "a", RunPath);
        await a.ReadyAsync(-1);
        await a.NextAsync();
        using var channel = FakeWorker.Channel(server);
        var client = new RendezvousService.RendezvousServiceClient(channel);
        await client.PutAsync(new PutRequest { Generation = 1, Key = "0", Value = Google.Protobuf.ByteString.CopyFromUtf8("address") });
        Assert.Equal("address", (await client.GetAsync(new GetRequest { Generation = 1, Keys = { "0" } })).Values[0].ToStringUtf8());
        var late = await Assert.ThrowsAsync<RpcException>(async () =>
            await client.GetAsync(new GetRequest { Generation = 1, Keys = { "1" } }, deadline: TimeProvider.System.GetUtcNow().AddSeconds(0.3).UtcDateTime));

        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
    }

    [Fact]
    public async Task Health_Always_Serves()
    {
        await using var server = await StartAsync(Options);
        using var channel = FakeWorker.Channel(server);
        var reply = await new Grpc.Health.V1.Health.HealthClient(channel).CheckAsync(new Grpc.Health.V1.HealthCheckRequest());

        Assert.Equal(Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus.Serving, reply.Status);
    }

    [Fact]
    public async Task StartAsync_SecondCoordinatorInTheDirectory_IsRefused()
    {
        await using var server = await StartAsync(Options);
        var refusal = await Assert.ThrowsAsync<ConfigurationException>(() => StartAsync(Options));

        Assert.Contains("Another coordinator works in", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartAsync_OtherConfiguration_NamesTheKeysThatDiffer()
    {
        await (await StartAsync(Options)).DisposeAsync();
        var refusal = await Assert.ThrowsAsync<ConfigurationException>(() => StartAsync(Options with { Config = Options.Config with { Seed = 7 } }));

        Assert.Contains("seed is 0 there, 7 was asked for", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartAsync_PortTaken_SaysSoIfItWasAskedFor()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        int port = ((IPEndPoint)other.LocalEndpoint).Port;
        var refusal = await Assert.ThrowsAsync<ConfigurationException>(() => StartAsync(Options with { Port = port }));

        Assert.Contains($"127.0.0.1:{port}", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartAsync_ContradictingOptions_AreAllNamed()
    {
        var refusal = await Assert.ThrowsAsync<ConfigurationException>(() => StartAsync(Options with { MinimumWorkers = 0, MaximumWorkers = 0, TimeoutScale = 0 }));

        Assert.Equal(3, refusal.Problems.Count);
    }

    private static Task<CoordinatorServer> StartAsync(CoordinatorOptions options) => CoordinatorServer.StartAsync(options, NullLoggerFactory.Instance, CancellationToken.None).WaitAsync(Patience);
}
