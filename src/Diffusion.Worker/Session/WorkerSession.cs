using System.Globalization;
using Diffusion.V1;
using Diffusion.Worker.Faults;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Session;

/// <summary>
/// A worker's life with its coordinator: join, hold a session, do what it says. The stream may break at any time while the ranks train on;
/// only a coordinator that answers and does not know this worker ends its generation.
/// </summary>
internal sealed class WorkerSession : IDisposable
{
    private readonly CoordinatorAddress address;
    private readonly WorkerIdentity identity;
    private readonly WorkerGenerations generations;
    private readonly TrainingReporter reporter;
    private readonly Outbox outbox;
    private readonly WorkerTimeouts timeouts;
    private readonly TimeProvider time;
    private readonly ILogger<WorkerSession> logger;
    private readonly TaskCompletionSource leaving = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private string workerId = "";
    private long epoch;
    private TimeSpan heartbeat = TimeSpan.FromSeconds(0.25);

    public WorkerSession(
        CoordinatorAddress address, WorkerIdentity identity, RankTeam team, TeamResult initial, TrainingReporter reporter, Outbox outbox, GenerationPlanner planner, WorkerTimeouts timeouts,
        TimeProvider time, ILogger<WorkerSession> logger)
    {
        this.address = address;
        this.identity = identity;
        this.reporter = reporter;
        this.outbox = outbox;
        this.timeouts = timeouts;
        this.time = time;
        this.logger = logger;
        generations = new WorkerGenerations(team, initial, outbox, planner, timeouts, time, logger);
    }

    /// <summary>Runs until the run needs this worker no longer. Cancelling leaves in order.</summary>
    public async Task<WorkerExit> RunAsync(CancellationToken cancellationToken)
    {
        // The ranks and the session outlive the wish to leave: the step in flight ends first.
        using var farewell = new CancellationTokenSource();
        using var wish = cancellationToken.Register(() =>
        {
            leaving.TrySetResult();
            farewell.CancelAfter(timeouts.Leave);
        });
        using var end = CancellationTokenSource.CreateLinkedTokenSource(farewell.Token, generations.Broken);
        try
        {
            while (true)
            {
                if (await JoinAsync(cancellationToken).ConfigureAwait(false) is { } refused)
                {
                    return refused;
                }

                if (await AttendAsync(end.Token).ConfigureAwait(false) is { } exit)
                {
                    return exit;
                }
            }
        }
        catch (Exception) when (generations.Breakdown is { } breakdown)
        {
            throw new InvalidOperationException($"A rank of {identity.Name} broke down: {breakdown.Message}", breakdown);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return new WorkerExit(WorkerEnd.Left, farewell.IsCancellationRequested
                ? $"Left without being let go: the coordinator did not answer within {timeouts.Leave.TotalSeconds:0} s."
                : "Left before the run had begun for this worker.");
        }
        finally
        {
            await generations.EndAsync("The worker ends.").ConfigureAwait(false);
        }
    }

    public void Dispose() => generations.Dispose();

    /// <summary>Joins as a new worker. Null when joined.</summary>
    private async Task<WorkerExit?> JoinAsync(CancellationToken cancellationToken)
    {
        generations.BeginAs(workerId = Guid.NewGuid().ToString("N"));
        outbox.DropGenerationEvents();
        reporter.Idle(WorkerPhase.Waiting);
        var request = new JoinRequest
        {
            WorkerId = workerId,
            Name = identity.Name,
            Ranks = identity.Ranks,
            DataAddress = identity.DataAddress,
            RunDirectoryToken = identity.RunDirectoryToken,
            ProcessId = Environment.ProcessId,
            Share = identity.Share,
        };
        request.Fingerprint.Add(identity.Fingerprint.ToDictionary());
        var redial = new Redial(timeouts, time);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                using var channel = new CoordinatorChannel(address);
                var joined = await channel.Coordinator.JoinAsync(request, deadline: (time.GetUtcNow() + timeouts.Call).UtcDateTime, cancellationToken: cancellationToken).ConfigureAwait(false);
                if (joined.RunId != identity.RunId)
                {
                    return new WorkerExit(WorkerEnd.Refused, $"{address.Host}:{address.Port} is the coordinator of run {joined.RunId} now, not of {identity.RunId}.");
                }

                epoch = Math.Max(epoch, joined.CoordinatorEpoch);
                heartbeat = TimeSpan.FromSeconds(Math.Clamp(joined.HeartbeatSeconds, 0.01, 60));
                generations.Limit(exchange: TimeSpan.FromSeconds(Math.Clamp(joined.CollectiveTimeoutSeconds, 0.1, 36000)));
                logger.LogInformation("Joined run {RunId} as {Name} ({WorkerId}) with {Ranks} ranks", joined.RunId, identity.Name, workerId, identity.Ranks);
                FaultInjection.At(FaultPoint.Join, 0);
                return null;
            }
            catch (RpcException e) when (!CoordinatorChannel.IsUnreachable(e))
            {
                return new WorkerExit(WorkerEnd.Refused, e.Status.Detail);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                if (redial.IsHopeless)
                {
                    return await GiveUpAsync(redial, e).ConfigureAwait(false);
                }

                // The first attempt may have been taken although its answer was lost; the next one is another worker.
                generations.BeginAs(request.WorkerId = workerId = Guid.NewGuid().ToString("N"));
                await redial.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Holds the session, redialling as often as it takes. Null when this worker has to join again.</summary>
    private async Task<WorkerExit?> AttendAsync(CancellationToken end)
    {
        var redial = new Redial(timeouts, time);
        while (true)
        {
            try
            {
                var (stream, answered) = await SessionStream.OpenAsync(address, identity, workerId, generations.Last, reporter.Heartbeat(), epoch, timeouts.Call, end).ConfigureAwait(false);
                using (stream)
                {
                    epoch = answered;
                    redial = new Redial(timeouts, time);
                    if (await new SessionTalk(stream, generations, reporter, outbox, timeouts, time, logger).RunAsync(heartbeat, leaving.Task, end).ConfigureAwait(false) is { } dismissed)
                    {
                        return dismissed.Kind == DismissKind.Removed ? await RejoinAsync(dismissed.Reason).ConfigureAwait(false) : Exit(dismissed);
                    }
                }
            }
            catch (SessionRefusedException e)
            {
                return await RejoinAsync(e.Message).ConfigureAwait(false);
            }
            catch (Exception e) when (!end.IsCancellationRequested)
            {
                logger.LogWarning("The coordinator cannot be reached ({Reason}); training goes on, redialling", SessionTalk.Summary(e));
                if (redial.IsHopeless)
                {
                    return await GiveUpAsync(redial, e).ConfigureAwait(false);
                }
            }

            end.ThrowIfCancellationRequested();
            await redial.WaitAsync(end).ConfigureAwait(false);
        }
    }

    private async Task<WorkerExit?> RejoinAsync(string reason)
    {
        logger.LogWarning("This worker has to join again: {Reason}", reason);
        await generations.EndAsync(reason).ConfigureAwait(false);
        return null;
    }

    /// <summary>The coordinator stays away: saves what this worker holds, so that nothing is lost, and says where it is.</summary>
    private async Task<WorkerExit> GiveUpAsync(Redial redial, Exception e)
    {
        string away = string.Create(CultureInfo.InvariantCulture, $"The coordinator at {address.Host}:{address.Port} was not reached for {redial.Elapsed.TotalSeconds:0} s ({SessionTalk.Summary(e).TrimEnd('.')}).");
        string saved = await generations.SaveAndEndAsync().ConfigureAwait(false);
        return new WorkerExit(WorkerEnd.CoordinatorLost, $"{away} {saved} Start the coordinator again with the same command, then this worker.");
    }

    private static WorkerExit Exit(Dismiss dismissed) => new(
        dismissed.Kind switch
        {
            DismissKind.Finished => WorkerEnd.Finished,
            DismissKind.Stopped => WorkerEnd.Stopped,
            _ => WorkerEnd.Failed,
        },
        dismissed.Reason);
}
