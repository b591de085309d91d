using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Native;
using Diffusion.Native.Collectives;
using Diffusion.Native.Operators;
using Diffusion.V1;
using Diffusion.Worker.Faults;
using Diffusion.Worker.Remote;
using Diffusion.Worker.Session;
using Diffusion.Worker.Training;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker;

/// <summary>One worker process of a run.</summary>
public static class WorkerHost
{
    private const string TokenFile = "run.token";

    /// <summary>Joins a run and works in it until it needs this worker no longer. Cancelling leaves in order: the step in flight is finished, then the coordinator lets it go.</summary>
    /// <exception cref="ConfigurationException">Options, configuration or data cannot be used.</exception>
    public static async Task<WorkerExit> RunAsync(WorkerOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var address = CoordinatorAddress.Parse(options.Coordinator);
        var devices = DeviceList.Parse("--devices", options.Devices, Accelerators.Inventory);
        var timeouts = WorkerTimeouts.Scaled(options.TimeoutScale);
        address = address with { Timeouts = timeouts };
        var time = TimeProvider.System;
        var logger = loggers.CreateLogger(typeof(WorkerHost));
        FaultInjection.Arm(logger);

        GetRunResponse run;
        try
        {
            run = await AskForRunAsync(address, timeouts, time, logger, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return new WorkerExit(WorkerEnd.Left, "Left before the coordinator answered.");
        }
        catch (TimeoutException e)
        {
            return new WorkerExit(WorkerEnd.CoordinatorLost, e.Message);
        }

        // One setting for the run: the coordinator's.
        timeouts = run.TimeoutScale > 0 ? WorkerTimeouts.Scaled(run.TimeoutScale) : timeouts;
        address = address with { Timeouts = timeouts };
        var config = StrictJson.Parse<RunConfig>(run.ConfigJson, $"the configuration from {options.Coordinator}").Checked();
        string? token = options.NoSharedDirectory ? null : RunDirectoryToken(run.Status.RunDirectory);
        PackedDataset opened;
        try
        {
            opened = await OpenDataAsync(options, config, address, timeouts, time, logger, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return new WorkerExit(WorkerEnd.Left, "Left before the images were here; what was fetched is kept for the next start.");
        }

        using var data = opened;
        ComputePolicy.Apply(config.Training.Tf32);
        bool isExact = config.Training.GradientSum == GradientSum.Exact;
        ComputePolicy.Reproducible(isExact);
        OperatorChoice.FusedAttention = !isExact && OperatorChoice.HasFusedAttention;
        OperatorChoice.ChannelsLast = config.Training.ChannelsLast;
        var membership = new Membership();
        using var storage = token is not null ? null : new CoordinatorStorage(
            () => new CoordinatorChannel(address), membership, Staging.Create(Path.Combine(CacheOf(options), "staging")), Path.Combine(CacheOf(options), "rescued", run.Status.RunId), timeouts, time, loggers.CreateLogger<CoordinatorStorage>());
        return await RunAsync(options, address, devices, timeouts, config, run.Status.RunId, token, membership, loggers, layout => Fingerprint.Of(config, data, devices, layout), (rank, reporter) => new RankTrainerAdapter(new RankTrainer(new RankTrainerOptions
        {
            Config = config,
            RunId = run.Status.RunId,
            RunDirectory = token is null ? null : run.Status.RunDirectory,
            Storage = storage,
            Data = data,
            LocalRank = rank,
            Device = devices.NameOf(rank),
            ImageLog = options.ImageLog is { } log && rank > 0 ? $"{log}.{rank}" : options.ImageLog,
            Observer = reporter,
            Loggers = loggers,
        }), isExact), OpenLane(devices), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The part that does not care what a rank trains.</summary>
    internal static async Task<WorkerExit> RunAsync(
        WorkerOptions options, CoordinatorAddress address, DeviceList devices, WorkerTimeouts timeouts, RunConfig config, string runId, string? token, Membership membership, ILoggerFactory loggers,
        Func<string, IReadOnlyDictionary<string, string>> fingerprint, Func<int, ITrainingObserver, IRankTrainer> create, Func<int, IDeviceLane?>? openLane, CancellationToken cancellationToken)
    {
        string dataAddress = options.DataAddress is { } named
            ? await CoordinatorAddress.RequireOwnAsync(named, cancellationToken).ConfigureAwait(false)
            : await address.LocalAddressAsync(cancellationToken).ConfigureAwait(false);
        var outbox = new Outbox();
        var reporter = new TrainingReporter(outbox);
        using var team = new RankTeam(devices.Count, rank => create(rank, reporter), reporter);
        string layout = await team.OpenAsync().ConfigureAwait(false);
        var identity = new WorkerIdentity(options.Name ?? Environment.MachineName, fingerprint(layout), devices.Count, dataAddress, token ?? "", runId, options.Share ?? 0);
        using var planner = new GenerationPlanner(config.Shards, dataAddress, address, membership, openLane, reason => EndOfStuckProcess(reason, loggers));
        using var session = new WorkerSession(
            address, identity, team, await team.StateAsync().ConfigureAwait(false), reporter, outbox, planner, timeouts, TimeProvider.System, loggers.CreateLogger<WorkerSession>());
        return await session.RunAsync(cancellationToken).ConfigureAwait(false);
    }

    private static Func<int, IDeviceLane?>? OpenLane(DeviceList devices) => devices.Kind == DeviceKind.Cuda ? local => CudaLane.Open(devices.NameOf(local)) : null;

    /// <summary>Threads that nobody can stop hold the device: the coordinator goes on without this worker, and whoever started it may start it again.</summary>
    private static void EndOfStuckProcess(string reason, ILoggerFactory loggers)
    {
        loggers.CreateLogger(typeof(WorkerHost)).LogCritical("{Reason} This worker ends; start it again", reason);
        ProcessEnd.Now(ProcessEnd.StartAgain);
    }

    /// <summary>The coordinator may start after its workers.</summary>
    private static async Task<GetRunResponse> AskForRunAsync(CoordinatorAddress address, WorkerTimeouts timeouts, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        var redial = new Redial(timeouts, time);
        bool told = false;
        while (true)
        {
            try
            {
                using var channel = new CoordinatorChannel(address);
                return await channel.Run.GetRunAsync(new GetRunRequest(), deadline: (time.GetUtcNow() + timeouts.Call).UtcDateTime, cancellationToken: cancellationToken).ConfigureAwait(false);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
            {
                throw new ConfigurationException($"{address.Host}:{address.Port} answers, but is no coordinator. Check the port.");
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                if (redial.IsHopeless)
                {
                    throw new TimeoutException($"No coordinator answered at {address.Host}:{address.Port} for {redial.Elapsed.TotalSeconds:0} s. Check the address, and that the coordinator binds an address this box reaches.", e);
                }

                if (!told)
                {
                    logger.LogInformation("Waiting for the coordinator at {Host}:{Port}", address.Host, address.Port);
                    told = true;
                }

                await redial.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Proof that this worker sees the coordinator's run directory, and not another one of the same name.</summary>
    private static string? RunDirectoryToken(string runDirectory)
    {
        try
        {
            return File.ReadAllText(Path.Combine(runDirectory, TokenFile)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private static string CacheOf(WorkerOptions options) => options.CacheDirectory ?? DatasetCache.DefaultDirectory;

    /// <summary>This box's own images, or a copy of the coordinator's.</summary>
    private static async Task<PackedDataset> OpenDataAsync(
        WorkerOptions options, RunConfig config, CoordinatorAddress address, WorkerTimeouts timeouts, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        string? here = options.DataPath ?? (!options.NoSharedDirectory && Path.Exists(config.Data.Path) ? config.Data.Path : null);
        if (here is not null)
        {
            return new DatasetCache(CacheOf(options)).Open(here, progress: null, cancellationToken);
        }

        using var channel = new CoordinatorChannel(address);
        return await new DataFetch(channel.Data, timeouts, time, logger).OpenAsync(CacheOf(options), cancellationToken).ConfigureAwait(false);
    }
}
