using Diffusion.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Diffusion.Coordinator.Tests.Services;

/// <summary>A worker that speaks the protocol and trains nothing.</summary>
internal sealed class FakeWorker : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly GrpcChannel channel;
    private readonly AsyncDuplexStreamingCall<SessionRequest, SessionResponse> call;

    private FakeWorker(string id, GrpcChannel channel)
    {
        Id = id;
        this.channel = channel;
        call = new CoordinatorService.CoordinatorServiceClient(channel).Session();
    }

    public string Id { get; }

    public long Generation { get; private set; }

    public static GrpcChannel Channel(CoordinatorServer server) =>
        GrpcChannel.ForAddress($"http://{server.Endpoint}", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true }, DisposeHttpClient = true });

    /// <summary>Joins and opens a session; or only a session, for one that is known already.</summary>
    public static async Task<FakeWorker> StartAsync(CoordinatorServer server, string id, string runDirectory, bool join = true, long generation = 0)
    {
        var channel = Channel(server);
        if (join)
        {
            var request = new JoinRequest { WorkerId = id, Name = id, Ranks = 1, RunDirectoryToken = File.ReadAllText(Path.Combine(runDirectory, "run.token")) };
            request.Fingerprint.Add("build", "1");
            await new CoordinatorService.CoordinatorServiceClient(channel).JoinAsync(request);
        }

        var worker = new FakeWorker(id, channel) { Generation = generation };
        await worker.SendAsync(new SessionRequest { Heartbeat = new WorkerHeartbeat { Phase = WorkerPhase.Waiting } });
        return worker;
    }

    public Task SendAsync(SessionRequest request)
    {
        request.WorkerId = Id;
        request.Generation = Generation;

        // A write to a call that has ended may never return.
        return call.RequestStream.WriteAsync(request).WaitAsync(Patience);
    }

    public Task ReadyAsync(long step, bool finished = false) =>
        SendAsync(new SessionRequest { Ready = new WorkerReady { CompletedStep = step, StateDigest = step < 0 ? "" : $"d{step}", Finished = finished } });

    public Task ProgressAsync(long step) =>
        SendAsync(new SessionRequest { Progress = new StepProgress { CompletedStep = step, ImagesSeen = step * 8, Steps = 1, Seconds = 0.01, OwnImages = 4, Loss = 1 } });

    /// <summary>The next command, while signs of life go on.</summary>
    public async Task<SessionResponse> NextAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var next = call.ResponseStream.MoveNext(patience.Token);
        while (await Task.WhenAny(next, Task.Delay(200, patience.Token)) != next)
        {
            await Task.WhenAny(next, SendAsync(new SessionRequest { Heartbeat = new WorkerHeartbeat { Phase = WorkerPhase.Compute } }));
        }

        Assert.True(await next, $"{Id}: the coordinator closed the session.");
        if (call.ResponseStream.Current.Start is { } start)
        {
            Generation = start.Generation;
        }

        return call.ResponseStream.Current;
    }

    public Task CompleteAsync() => call.RequestStream.CompleteAsync().WaitAsync(Patience);

    /// <summary>Breaks the stream, as a killed process does.</summary>
    public void Dispose()
    {
        call.Dispose();
        channel.Dispose();
    }
}
