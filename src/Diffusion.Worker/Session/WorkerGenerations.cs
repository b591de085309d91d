using Diffusion.V1;
using Diffusion.Worker.Training;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Session;

/// <summary>The generations that this worker takes part in: begun and ended as the coordinator says, reported through the outbox.</summary>
internal sealed class WorkerGenerations : IDisposable
{
    private readonly RankTeam team;
    private readonly Outbox outbox;
    private readonly GenerationPlanner planner;
    private readonly WorkerTimeouts timeouts;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly CancellationTokenSource broken = new();

    private string workerId = "";
    private TimeSpan collectiveTimeout = TimeSpan.FromSeconds(10);
    private Task training = Task.CompletedTask;
    private volatile TeamResult last;

    public WorkerGenerations(RankTeam team, TeamResult initial, Outbox outbox, GenerationPlanner planner, WorkerTimeouts timeouts, TimeProvider time, ILogger logger)
    {
        this.team = team;
        this.outbox = outbox;
        this.planner = planner;
        this.timeouts = timeouts;
        this.time = time;
        this.logger = logger;
        last = initial;
    }

    /// <summary>Last generation under the present id; 0 before the first.</summary>
    public long Last { get; private set; }

    /// <summary>The generation in progress; 0 outside of one.</summary>
    public long InProgress => team.Generation;

    /// <summary>Cancelled when a rank has broken down.</summary>
    public CancellationToken Broken => broken.Token;

    /// <summary>Why a rank has broken down; null normally.</summary>
    public Exception? Breakdown { get; private set; }

    /// <summary>This worker is a new one to the coordinator: no generation is its own any more.</summary>
    public void BeginAs(string newWorkerId)
    {
        workerId = newWorkerId;
        Last = 0;
    }

    /// <summary>Longest wait for the other ranks in one exchange, as the coordinator wants it.</summary>
    public void Limit(TimeSpan exchange) => collectiveTimeout = exchange;

    public void Begin(StartGeneration start)
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

        Last = start.Generation;
        logger.LogInformation("Generation {Generation}: {Reason}", start.Generation, start.Reason);
        training = TrainAsync(requests);
    }

    public void Abort(AbortGeneration abort)
    {
        logger.LogInformation("Generation {Generation} is aborted: {Reason}", abort.Generation, abort.Reason);
        Known(team.Abort(abort.Generation, abort.Reason));
    }

    public void Pause(PauseGeneration pause)
    {
        logger.LogInformation("Generation {Generation} pauses: {Reason}", pause.Generation, pause.Reason);
        Known(team.Pause(pause.Generation, pause.Save));
    }

    /// <summary>Says what state this worker holds, outside of a generation. Saying it twice does no harm.</summary>
    public void SayReady()
    {
        if (team.Generation == 0 && (Last == 0 || last.Generation == Last))
        {
            outbox.Post(new SessionRequest
            {
                Generation = Last,
                Ready = new WorkerReady { CompletedStep = last.CompletedStep, StateDigest = last.StateDigest, Reason = last.Reason, Finished = last.Finished && last.Generation == Last },
            });
        }
    }

    /// <summary>Leaves the generation in progress, if there is one.</summary>
    public async Task EndAsync(string reason)
    {
        team.Abort(team.Generation, reason);
        await training.ConfigureAwait(false);
    }

    /// <summary>Nobody leads any more: all ranks of the generation, which face the same, agree on a step and save it. What is not saved then, or in no generation, this worker saves for itself.</summary>
    /// <returns>What is saved where, or why nothing is.</returns>
    public async Task<string> SaveAndEndAsync()
    {
        if (team.Pause(team.Generation, save: true))
        {
            await Task.WhenAny(training, Task.Delay(timeouts.Leave, time)).ConfigureAwait(false);
        }

        await EndAsync("The coordinator did not come back.").ConfigureAwait(false);
        return await team.RescueAsync().ConfigureAwait(false);
    }

    public void Dispose() => broken.Dispose();

    /// <summary>A command for a generation that is over here means that the coordinator missed its end.</summary>
    private void Known(bool inProgress)
    {
        if (!inProgress)
        {
            SayReady();
        }
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
                outbox.Post(new SessionRequest { Generation = Last, Failed = new WorkerFailed { Reason = failure } });
            }

            logger.LogInformation("Generation {Generation} ended here after step {Step}: {Reason}", last.Generation, last.CompletedStep, last.Reason);
            SayReady();
        }
        catch (Exception e)
        {
            // Not the run's fault but this process's: the others go on without it.
            logger.LogCritical(e, "A rank broke down in generation {Generation}", requests[0].Number);
            Breakdown = e;
            await broken.CancelAsync().ConfigureAwait(false);
        }
    }
}
