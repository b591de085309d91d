using System.Net;
using Diffusion.Contracts.Configuration;
using Diffusion.Coordinator;
using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Session;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Xunit.Abstractions;

namespace Diffusion.Worker.Tests.Session;

/// <summary>Facts that need gloo's library.</summary>
internal sealed class GlooFactAttribute : FactAttribute
{
    public GlooFactAttribute()
    {
        if (!GlooTransport.IsAvailable)
        {
            Skip = $"Workers in different processes need gloo: {Native.CpuEnvironment.Gloo}";
        }
    }
}

/// <summary>A coordinator in a temporary directory and workers with fake ranks around it. Everything in this process, over real gRPC.</summary>
internal sealed class TestRun : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-session-").FullName;
    private readonly ILoggerFactory loggers;
    private readonly CancellationTokenSource end = new();
    private readonly List<Task> workers = [];

    private TestRun(FakeWorld world, ITestOutputHelper output)
    {
        World = world;
        loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Debug).AddProvider(new OutputLogger(output)));
    }

    public FakeWorld World { get; }

    public CoordinatorServer Server { get; private set; } = null!;

    public string RunDirectory => Path.Combine(directory, "run");

    public static async Task<TestRun> StartAsync(FakeWorld world, ITestOutputHelper output, int workersToStart = 1, int minimumWorkers = 1)
    {
        var run = new TestRun(world, output);
        await run.StartCoordinatorAsync(workersToStart, minimumWorkers);
        return run;
    }

    public async Task StartCoordinatorAsync(int workersToStart = 1, int minimumWorkers = 1) => Server = await CoordinatorServer.StartAsync(
        new CoordinatorOptions { Config = Config, RunDirectory = RunDirectory, WorkersToStart = workersToStart, MinimumWorkers = minimumWorkers }, loggers, CancellationToken.None);

    private RunConfig Config => new()
    {
        Shards = 8,
        Training = new TrainingConfig { BatchSize = World.BatchSize, DurationImages = World.Steps * World.BatchSize, StatusImages = 0, SnapshotImages = 0, CheckpointImages = 0 },
    };

    public Task<WorkerExit> Work(string name, int ranks = 1, Action<long>? beforeStep = null, string build = "test", bool seesRunDirectory = true, Func<int, IDeviceLane?>? openLane = null, TimeSpan? giveUp = null, CancellationToken cancellationToken = default)
    {
        var options = new WorkerOptions { Coordinator = Server.Endpoint.ToString(), Name = name };
        string? token = seesRunDirectory ? File.ReadAllText(Path.Combine(RunDirectory, "run.token")) : null;
        var timeouts = WorkerTimeouts.Scaled(1);
        timeouts = timeouts with { GiveUp = giveUp ?? timeouts.GiveUp };
        var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, end.Token);
        var working = Task.Run(async () =>
        {
            using (both)
            {
                return await WorkerHost.RunAsync(
                    options, CoordinatorAddress.Parse(options.Coordinator), new DeviceList(DeviceKind.Cpu, [.. Enumerable.Range(0, ranks)]), timeouts, Config, Server.RunId, token, new Membership(), loggers,
                    _ => new Dictionary<string, string> { ["build"] = build }, (_, observer) => new FakeRankTrainer(World, observer, beforeStep), openLane, both.Token);
            }
        });
        workers.Add(working);
        return working;
    }

    public async Task<RunStatus> StatusAsync()
    {
        using var channel = GrpcChannel.ForAddress($"http://{Server.Endpoint}");
        return (await new RunService.RunServiceClient(channel).GetRunAsync(new GetRunRequest())).Status;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await end.CancelAsync();
        await Task.WhenAll(workers).WaitAsync(Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        loggers.Dispose();
        end.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    /// <summary>Writes what is logged into the test's output, where a failing test shows it.</summary>
    private sealed class OutputLogger(ITestOutputHelper output) : ILoggerProvider, ILogger
    {
        private static readonly long Start = TimeProvider.System.GetTimestamp();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            try
            {
                output.WriteLine($"{TimeProvider.System.GetElapsedTime(Start).TotalSeconds:0.000} {logLevel} {formatter(state, exception)} {exception}");
            }
            catch (InvalidOperationException)
            {
                // The test is over.
            }
        }

        public void Dispose()
        {
        }
    }
}
