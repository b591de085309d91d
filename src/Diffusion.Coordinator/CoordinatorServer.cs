using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Diffusion.Contracts.Configuration;
using Diffusion.Coordinator.Journal;
using Diffusion.Coordinator.Run;
using Diffusion.Coordinator.Services;
using Diffusion.Data;
using Diffusion.Serving;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Library;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Diffusion.Coordinator;

/// <summary>One run's coordinator: membership, generations, records. The process that holds it never loads libtorch.</summary>
public sealed class CoordinatorServer : IAsyncDisposable
{
    private readonly RunDirectory directory;
    private readonly RunJournal journal;
    private readonly RendezvousStore rendezvous = new();
    private readonly RunEffects effects;
    private readonly RunActor actor;
    private readonly SessionRegistry sessions = new();
    private readonly RunIdentity identity;
    private readonly ServedData data;
    private readonly RunStorage storage;
    private readonly SnapshotLibrary library;
    private WebApplication? web;
    private bool disposed;

    private CoordinatorServer(CoordinatorOptions options, RunDirectory directory, RunJournal journal, ILoggerFactory loggers)
    {
        this.directory = directory;
        this.journal = journal;
        string runId = journal.Entries.OfType<RunCreated>().FirstOrDefault()?.RunId ?? NewRunId(directory.Path);
        var settings = new RunSettings
        {
            RunId = runId,
            RunDirectory = directory.Path,
            Shards = options.Config.Shards,
            BatchSize = options.Config.Training.BatchSize,
            DurationImages = options.Config.Training.DurationImages,
            WorkersToStart = options.WorkersToStart,
            MinimumWorkers = options.MinimumWorkers,
            MaximumWorkers = options.MaximumWorkers,
            SliceImages = options.SliceImages,
            MovesShards = options.Config.Training.GradientSum == GradientSum.Exact,
            Timeouts = RunTimeouts.Scaled(options.TimeoutScale),
        };
        identity = new RunIdentity(runId, StrictJson.Write(options.Config), directory.Path, directory.Token());
        var state = RunReplay.Restore(settings, journal.Entries, TimeProvider.System.GetUtcNow()) with
        {
            LastMetricsImages = MetricsFile.LastImages(Path.Combine(directory.Path, MetricsFile.FileName)),
        };
        if (journal.Entries.Count == 0)
        {
            journal.Append(new RunCreated(runId, options.Config.Digest()));
        }

        // Before anybody can connect: two coordinators of one run are told apart by it.
        journal.Append(new CoordinatorStarted(state.Epoch));
        library = SnapshotLibrary.Open([directory.Path], new SnapshotLibraryOptions { CacheDirectory = Path.Combine(directory.Path, RunDirectory.ServedFolder), CacheBytes = options.ServedCacheBytes });
        effects = new RunEffects(sessions, rendezvous, directory.Path, loggers.CreateLogger<RunEffects>());
        data = new ServedData(options.Config.Data.Path, options.DataCacheDirectory ?? DatasetCache.DefaultDirectory, loggers.CreateLogger<ServedData>());
        storage = new RunStorage(directory.Path, new CheckpointRetention(options.Config.Training.KeepCheckpoints), options.Config.Initialization?.Path, loggers.CreateLogger<RunStorage>());
        actor = new RunActor(state, journal, effects, TimeProvider.System, loggers.CreateLogger<RunActor>());
        Completion = CompleteAsync();
    }

    /// <summary>Where workers and watchers connect.</summary>
    public IPEndPoint Endpoint { get; private set; } = new(IPAddress.None, 0);

    /// <summary>Where plain HTTP is served; null when it is not.</summary>
    public IPEndPoint? HttpEndpoint { get; private set; }

    /// <summary>Name of the run, the same over all starts.</summary>
    public string RunId => identity.RunId;

    /// <summary>The end of the run, once its workers have gone. Cancelled when the server is disposed before.</summary>
    public Task<RunOutcome> Completion { get; }

    /// <summary>How a run ended that has nothing left to do; null when starting it makes sense.</summary>
    /// <param name="runDirectory">The run's directory, whether or not it exists.</param>
    /// <param name="durationImages">Images that the run is to see.</param>
    public static RunOutcome? FinishOf(string runDirectory, long durationImages) => RunReplay.Finish(RunJournal.Read(runDirectory), durationImages);

    /// <summary>Starts the coordinator of a run, new or to be continued.</summary>
    /// <exception cref="ConfigurationException">Options make no sense, the port is taken, or the run directory belongs to another coordinator or another configuration.</exception>
    public static async Task<CoordinatorServer> StartAsync(CoordinatorOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        string[] problems = [.. options.Problems()];
        if (problems.Length > 0)
        {
            throw new ConfigurationException(problems);
        }

        var directory = RunDirectory.Take(options.RunDirectory, options.Config);
        RunJournal? journal = null;
        CoordinatorServer server;
        try
        {
            journal = RunJournal.Open(directory.Path);
            server = new CoordinatorServer(options, directory, journal, loggers);
        }
        catch
        {
            journal?.Dispose();
            directory.Dispose();
            throw;
        }

        try
        {
            await server.ListenAsync(options, loggers, cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Asks the run to finish its step, save and end; completes when it has.</summary>
    /// <param name="reason">Who asked, as a sentence.</param>
    public async Task StopAsync(string reason)
    {
        await actor.PostAsync(new StopRequested(reason), CancellationToken.None).ConfigureAwait(false);
        await Completion.ConfigureAwait(false);
    }

    /// <summary>Ends the server. A run that is not over stays as it is: workers train on, and the next start finds them.</summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        bool tidy = effects.End.IsCompletedSuccessfully;
        await actor.DisposeAsync().ConfigureAwait(false);
        if (web is not null)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await web.StopAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await web.DisposeAsync().ConfigureAwait(false);
        }

        await library.DisposeAsync().ConfigureAwait(false);
        await effects.DisposeAsync().ConfigureAwait(false);
        data.Dispose();
        storage.Dispose();
        rendezvous.Dispose();
        journal.Dispose();
        if (tidy)
        {
            directory.Withdraw();
        }

        directory.Dispose();
    }

    private async Task<RunOutcome> CompleteAsync()
    {
        var ended = await Task.WhenAny(effects.End, StoppedAsync()).ConfigureAwait(false);
        await ended.ConfigureAwait(false);
        var over = await effects.End.ConfigureAwait(false);
        var end = over.Phase switch { RunPhase.Finished => RunEnd.Finished, RunPhase.Stopped => RunEnd.Stopped, _ => RunEnd.Failed };
        return new RunOutcome(end, over.Reason, actor.State.ImagesSeen, actor.State.Snapshots);
    }

    /// <summary>The actor ended without an end of the run: a bug in a rule, or the server was disposed.</summary>
    private async Task StoppedAsync()
    {
        await actor.Ended.ConfigureAwait(false);
        if (!effects.End.IsCompleted)
        {
            throw new OperationCanceledException("The coordinator was shut down before the run was over.");
        }
    }

    private async Task ListenAsync(CoordinatorOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        // Workers of an earlier start look for the port they know; it is free again unless somebody else took it.
        int[] ports = options.Port is { } asked ? [asked] : directory.LastPort() is { } last ? [last, 0] : [0];
        actor.Start();
        foreach (var ended in MemberProcess.Ended(actor.State.Workers.Values))
        {
            await actor.PostAsync(new MemberEnded(ended.Id), cancellationToken).ConfigureAwait(false);
        }

        foreach (int port in ports)
        {
            var both = new ServingPorts(options.Bind, port, options.HttpPort);
            var application = Build(both, loggers);
            try
            {
                await application.StartAsync(cancellationToken).ConfigureAwait(false);
                web = application;
                both.Read(application);
                Endpoint = both.Grpc;
                HttpEndpoint = both.Http;
                break;
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                await application.DisposeAsync().ConfigureAwait(false);
                if (port == ports[^1])
                {
                    throw new ConfigurationException($"Cannot listen: {e.Message.TrimEnd('.')}. Choose another port, leave it out to have a free one, or bind an address of this box.");
                }
            }
        }

        directory.Announce(Endpoint, HttpEndpoint, RunId, actor.State.Epoch);
    }

    private WebApplication Build(ServingPorts ports, ILoggerFactory loggers)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.Replace(ServiceDescriptor.Singleton<ILoggerFactory>(new QuietLoggers(loggers)));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            ports.Configure(kestrel);
            kestrel.Limits.Http2.KeepAlivePingDelay = AtLeastASecond(actor.State.Settings.Timeouts.Suspect);
            kestrel.Limits.Http2.KeepAlivePingTimeout = AtLeastASecond(actor.State.Settings.Timeouts.Lease);
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.Services.AddSingleton(actor).AddSingleton(sessions).AddSingleton(rendezvous).AddSingleton(identity).AddSingleton(data).AddSingleton(storage).AddSingleton(TimeProvider.System);
        builder.Services.AddSnapshotServing(library, ports);
        builder.Services.AddGrpc();
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks().AddCheck("run", () => actor.Ended.IsCompleted ? HealthCheckResult.Unhealthy("The coordinator's rules have ended.") : HealthCheckResult.Healthy());
        var application = builder.Build();
        application.MapGrpcService<SessionEndpoint>();
        application.MapGrpcService<RendezvousEndpoint>();
        application.MapGrpcService<RunEndpoint>();
        application.MapGrpcService<DataEndpoint>();
        application.MapGrpcService<StorageEndpoint>();
        application.MapSnapshotServing();
        application.MapGrpcReflectionService();
        application.MapGrpcHealthChecksService();
        return application;
    }

    /// <summary>The server asks no connection sooner whether it still stands.</summary>
    private static TimeSpan AtLeastASecond(TimeSpan time) => TimeSpan.FromTicks(Math.Max(TimeSpan.TicksPerSecond, time.Ticks));

    private static string NewRunId(string path) =>
        $"{Path.GetFileName(path.TrimEnd(Path.DirectorySeparatorChar))}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
}
