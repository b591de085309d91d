using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;
using Diffusion.Worker.Faults;
using Diffusion.Worker.Training;
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
    private readonly RankTeam team;
    private readonly TrainingReporter reporter;
    private readonly Outbox outbox;
    private readonly GenerationPlanner planner;
    private readonly WorkerTimeouts timeouts;
    private readonly TimeProvider time;
    private readonly ILogger<WorkerSession> logger;
    private readonly CancellationTokenSource broken = new();
    private readonly TaskCompletionSource leaving = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private string workerId = "";
    private long epoch;

    /// <summary>Last generation under the present id; 0 before the first.</summary>
    private long generation;
    private TimeSpan heartbeat = TimeSpan.FromSeconds(0.25);
    private TimeSpan collectiveTimeout = TimeSpan.FromSeconds(10);
    private Task training = Task.CompletedTask;
    private volatile TeamResult last;
    private Exception? breakdown;

    public WorkerSession(
        CoordinatorAddress address, WorkerIdentity identity, RankTeam team, TeamResult initial, TrainingReporter reporter, Outbox outbox, GenerationPlanner planner, WorkerTimeouts timeouts,
        TimeProvider time, ILogger<WorkerSession> logger)
    {
        this.address = address;
        this.identity = identity;
        this.team = team;
        this.reporter = reporter;
        this.outbox = outbox;
        this.planner = planner;
        this.timeouts = timeouts;
        this.time = time;
        this.logger = logger;
        last = initial;
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
        using var end = CancellationTokenSource.CreateLinkedTokenSource(farewell.Token, broken.Token);
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
        catch (Exception) when (breakdown is not null)
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
            await EndTrainingAsync("The worker ends.").ConfigureAwait(false);
        }
    }

    public void Dispose() => broken.Dispose();

    /// <summary>Joins as a new worker. Null when joined.</summary>
    private async Task<WorkerExit?> JoinAsync(CancellationToken cancellationToken)
    {
        workerId = Guid.NewGuid().ToString("N");
        generation = 0;
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
                collectiveTimeout = TimeSpan.FromSeconds(Math.Clamp(joined.CollectiveTimeoutSeconds, 0.1, 36000));
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
                    return Lost(redial, e);
                }

                // The first attempt may have been taken although its answer was lost; the next one is another worker.
                request.WorkerId = workerId = Guid.NewGuid().ToString("N");
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
                var (stream, answered) = await SessionStream.OpenAsync(address, identity, workerId, generation, reporter.Heartbeat(), epoch, timeouts.Call, end).ConfigureAwait(false);
                using (stream)
                {
                    epoch = answered;
                    redial = new Redial(timeouts, time);
                    if (await TalkAsync(stream, end).ConfigureAwait(false) is { } dismissed)
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
                logger.LogWarning("The coordinator cannot be reached ({Reason}); training goes on, redialling", Summary(e));
                if (redial.IsHopeless)
                {
                    await SaveAndEndAsync().ConfigureAwait(false);
                    return Lost(redial, e);
                }
            }

            end.ThrowIfCancellationRequested();
            await redial.WaitAsync(end).ConfigureAwait(false);
        }
    }

    /// <summary>One stream: heartbeats and events out, commands in. The dismissal, or null when the stream ended.</summary>
    private async Task<Dismiss?> TalkAsync(SessionStream stream, CancellationToken end)
    {
        using var talking = CancellationTokenSource.CreateLinkedTokenSource(end);
        SayReady();
        Task[] senders = [BeatAsync(stream, talking.Token), SendEventsAsync(stream, talking.Token), SayLeavingAsync(talking.Token)];
        try
        {
            while (await stream.NextAsync(talking.Token).ConfigureAwait(false) is { } command)
            {
                if (Obey(command) is { } dismissed)
                {
                    await talking.CancelAsync().ConfigureAwait(false);
                    await Task.WhenAll(senders).ConfigureAwait(false);
                    await EndTrainingAsync(dismissed.Reason).ConfigureAwait(false);
                    await FlushAsync(stream).ConfigureAwait(false);
                    return dismissed;
                }
            }

            return null;
        }
        finally
        {
            await talking.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(senders).ConfigureAwait(false);
        }
    }

    private Dismiss? Obey(SessionResponse command)
    {
        switch (command.CommandCase)
        {
            case SessionResponse.CommandOneofCase.Start:
                Begin(command.Start);
                return null;
            case SessionResponse.CommandOneofCase.Abort:
                logger.LogInformation("Generation {Generation} is aborted: {Reason}", command.Abort.Generation, command.Abort.Reason);
                Known(team.Abort(command.Abort.Generation, command.Abort.Reason));
                return null;
            case SessionResponse.CommandOneofCase.Pause:
                logger.LogInformation("Generation {Generation} pauses: {Reason}", command.Pause.Generation, command.Pause.Reason);
                Known(team.Pause(command.Pause.Generation, command.Pause.Save));
                return null;
            case SessionResponse.CommandOneofCase.Dismiss:
                logger.LogInformation("Dismissed: {Reason}", command.Dismiss.Reason);
                return command.Dismiss;
            default:
                logger.LogWarning("A command of a newer coordinator is not understood; it is ignored");
                return null;
        }
    }

    /// <summary>A command for a generation that is over here means that the coordinator missed its end.</summary>
    private void Known(bool inProgress)
    {
        if (!inProgress)
        {
            SayReady();
        }
    }

    private void Begin(StartGeneration start)
    {
        if (team.Generation != 0 || !training.IsCompleted)
        {
            logger.LogWarning("Generation {Generation} is refused: generation {Present} is in progress here", start.Generation, team.Generation);
            return;
        }

        var requests = planner.Requests(start, workerId, collectiveTimeout);
        if (requests.Count == 0)
        {
            logger.LogWarning("Generation {Generation} has no rank of this worker; it is ignored", start.Generation);
            return;
        }

        generation = start.Generation;
        logger.LogInformation("Generation {Generation}: {Reason}", start.Generation, start.Reason);
        training = TrainAsync(requests);
    }

    private async Task TrainAsync(IReadOnlyList<GenerationRequest> requests)
    {
        try
        {
            last = await team.RunAsync(requests, brokenOff => outbox.Post(new SessionRequest
            {
                Generation = requests[0].Number,
                CollectiveFailed = new CollectiveFailed { Reason = brokenOff.Reason, PeerRank = brokenOff.PeerRank, Step = brokenOff.CompletedStep + 1, Detail = brokenOff.Detail, TimedOut = brokenOff.TimedOut },
            })).ConfigureAwait(false);
            if (last.Failure is { } failure)
            {
                outbox.Post(new SessionRequest { Generation = generation, Failed = new WorkerFailed { Reason = failure } });
            }

            logger.LogInformation("Generation {Generation} ended here after step {Step}: {Reason}", last.Generation, last.CompletedStep, last.Reason);
            SayReady();
        }
        catch (Exception e)
        {
            // Not the run's fault but this process's: the others go on without it.
            logger.LogCritical(e, "A rank broke down in generation {Generation}", requests[0].Number);
            breakdown = e;
            await broken.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Says what state this worker holds, outside of a generation. Saying it twice does no harm.</summary>
    private void SayReady()
    {
        if (team.Generation == 0 && (generation == 0 || last.Generation == generation))
        {
            outbox.Post(new SessionRequest
            {
                Generation = generation,
                Ready = new WorkerReady { CompletedStep = last.CompletedStep, StateDigest = last.StateDigest, Reason = last.Reason, Finished = last.Finished && last.Generation == generation },
            });
        }
    }

    private async Task BeatAsync(SessionStream stream, CancellationToken ended)
    {
        try
        {
            using var timer = new PeriodicTimer(heartbeat, time);
            long told = time.GetTimestamp();
            do
            {
                if (time.GetElapsedTime(told) >= timeouts.Progress && reporter.TakeProgress() is { } progress)
                {
                    told = time.GetTimestamp();
                    await stream.SendAsync(progress, ended).ConfigureAwait(false);
                }

                await stream.SendAsync(new SessionRequest { Generation = team.Generation, Heartbeat = reporter.Heartbeat() }, ended).ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(ended).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            Quietly(e, ended);
        }
    }

    private async Task SendEventsAsync(SessionStream stream, CancellationToken ended)
    {
        try
        {
            while (await outbox.Reader.WaitToReadAsync(ended).ConfigureAwait(false))
            {
                while (outbox.Reader.TryPeek(out var happened))
                {
                    await stream.SendAsync(happened, ended).ConfigureAwait(false);
                    outbox.Reader.TryRead(out _);
                }
            }
        }
        catch (Exception e)
        {
            Quietly(e, ended);
        }
    }

    private async Task SayLeavingAsync(CancellationToken ended)
    {
        try
        {
            await leaving.Task.WaitAsync(ended).ConfigureAwait(false);
            outbox.Post(new SessionRequest { Generation = generation, Leaving = new WorkerLeaving { Reason = "it was asked to end." } });
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
        }
    }

    /// <summary>A sender's failure is the stream's, and the reader hears of that by itself.</summary>
    private void Quietly(Exception e, CancellationToken ended)
    {
        if (!ended.IsCancellationRequested)
        {
            logger.LogDebug("Sending to the coordinator failed: {Reason}", Summary(e));
        }
    }

    /// <summary>What was not said yet, before the stream ends in order.</summary>
    private async Task FlushAsync(SessionStream stream)
    {
        using var patience = new CancellationTokenSource(timeouts.Call);
        try
        {
            while (outbox.Reader.TryPeek(out var happened))
            {
                await stream.SendAsync(happened, patience.Token).ConfigureAwait(false);
                outbox.Reader.TryRead(out _);
            }

            await stream.CompleteAsync(timeouts.Call).ConfigureAwait(false);
            while (await stream.NextAsync(patience.Token).ConfigureAwait(false) is not null)
            {
            }
        }
        catch (Exception e)
        {
            logger.LogDebug("The coordinator closed the session first: {Reason}", Summary(e));
        }
    }

    private async Task<WorkerExit?> RejoinAsync(string reason)
    {
        logger.LogWarning("This worker has to join again: {Reason}", reason);
        await EndTrainingAsync(reason).ConfigureAwait(false);
        return null;
    }

    private async Task EndTrainingAsync(string reason)
    {
        team.Abort(team.Generation, reason);
        await training.ConfigureAwait(false);
    }

    /// <summary>Nobody leads any more: all ranks of the generation, which face the same, agree on a step and save it.</summary>
    private async Task SaveAndEndAsync()
    {
        if (team.Pause(team.Generation, save: true))
        {
            await Task.WhenAny(training, Task.Delay(timeouts.Leave, time)).ConfigureAwait(false);
        }
    }

    private WorkerExit Lost(Redial redial, Exception e) => new(
        WorkerEnd.CoordinatorLost,
        string.Create(CultureInfo.InvariantCulture, $"The coordinator at {address.Host}:{address.Port} was not reached for {redial.Elapsed.TotalSeconds:0} s ({Summary(e)}). Start it again with the same command, then this worker."));

    private static WorkerExit Exit(Dismiss dismissed) => new(
        dismissed.Kind switch
        {
            DismissKind.Finished => WorkerEnd.Finished,
            DismissKind.Stopped => WorkerEnd.Stopped,
            _ => WorkerEnd.Failed,
        },
        dismissed.Reason);

    private static string Summary(Exception e) => e is RpcException rpc ? $"{rpc.StatusCode}: {rpc.Status.Detail}" : e.Message;
}
