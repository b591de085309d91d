namespace Diffusion.Coordinator.Run;

/// <summary>
/// All the coordinator's rules, without clocks, locks or sockets: an event and the time go in, the next state, journal entries, commands and a reason come out.
/// Events: <c>RunRules.Membership.cs</c> and <c>RunRules.Records.cs</c>; what follows from the state: <c>RunRules.Generations.cs</c>; from time alone: <c>RunRules.Watch.cs</c>.
/// </summary>
internal static partial class RunRules
{
    public static Decision Decide(RunState state, RunEvent happened, DateTimeOffset now)
    {
        var draft = new Draft(state, now);
        if (happened is WorkerEvent byWorker and not JoinAsked and not SessionOpened and not SessionClosed && !Accepts(draft, byWorker))
        {
            return draft.Done();
        }

        switch (happened)
        {
            case Ticked: Tick(draft); break;
            case StopRequested stop: Stop(draft, stop); break;
            case MemberEnded ended: Ended(draft, ended); break;
            case JoinAsked join: Join(draft, join); break;
            case SessionOpened opened: Open(draft, opened); break;
            case SessionClosed closed: Close(draft, closed); break;
            case ReadySaid ready: Ready(draft, ready); break;
            case HeartbeatCame heartbeat: Heartbeat(draft, heartbeat); break;
            case ProgressMade progress: Progress(draft, progress); break;
            case CollectiveBroke broke: CollectiveFailed(draft, broke); break;
            case LeaveAsked leave: Leave(draft, leave); break;
            case WorkerBroke broken: WorkerFailed(draft, broken); break;
            case SnapshotStored snapshot: Snapshot(draft, snapshot); break;
            case CheckpointStored checkpoint: Checkpoint(draft, checkpoint); break;
            case SaveBroke save: SaveFailed(draft, save); break;
            case MetricsReported metrics: Metrics(draft, metrics); break;
            default: throw new ArgumentException($"There is no rule for {happened.GetType().Name}.", nameof(happened));
        }

        Advance(draft);
        return draft.Done();
    }

    /// <summary>Fencing: who is not known, and what belongs to another generation than the sender's, changes nothing.</summary>
    private static bool Accepts(Draft draft, WorkerEvent happened)
    {
        if (!draft.State.Workers.TryGetValue(happened.WorkerId, out var worker))
        {
            draft.Refuse(RefusalKind.Precondition, WhyUnknown(draft.State, happened.WorkerId));
            return false;
        }

        draft.Update(worker with { LastHeard = draft.Now, Suspect = false });
        if (happened is GenerationEvent { Generation: not 0 } stale && stale.Generation != worker.Generation)
        {
            // A heartbeat says no more than that the sender lives, and it crosses with Start and Abort all the time.
            if (stale is not HeartbeatCame and not ProgressMade)
            {
                draft.Say($"{Kind(stale)} of {worker.Name} ignored: it belongs to generation {stale.Generation}, the worker is in {worker.Generation}.");
            }

            return false;
        }

        return true;
    }

    private static string WhyUnknown(RunState state, string workerId) => state.Removed.TryGetValue(workerId, out string? why)
        ? $"This worker was removed: {why} Join again as a new worker."
        : $"Worker {workerId} is not known to this coordinator (start {state.Epoch}). Join again as a new worker.";

    private static string Kind(RunEvent happened) => happened switch
    {
        ReadySaid => "Ready",
        CollectiveBroke => "Failure report",
        _ => happened.GetType().Name,
    };

    private static string Names(IEnumerable<WorkerState> workers) => string.Join(", ", workers.OrderBy(worker => worker.Order).Select(worker => worker.Name));

    private static string Count(int number, string noun) => number == 1 ? $"1 {noun}" : FormattableString.Invariant($"{number} {noun}s");
}
