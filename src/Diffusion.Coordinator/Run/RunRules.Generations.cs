using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

internal static partial class RunRules
{
    /// <summary>After so many fruitless generations in a row somebody has to look at the network.</summary>
    private const int FailuresLimit = 8;

    private static void Ready(Draft draft, ReadySaid ready)
    {
        var worker = draft.State.Workers[ready.WorkerId];
        if (worker.InGeneration && ready.Generation == 0)
        {
            draft.Say($"Ready of {worker.Name} ignored: it names no generation, the worker is in {worker.Generation}.");
            return;
        }

        draft.Update(worker with
        {
            Stage = WorkerStage.Ready,
            Since = draft.Now,
            CompletedStep = ready.CompletedStep,
            Digest = ready.Digest,
            Finished = ready.Finished,
            Activity = WorkerActivity.Unknown,
        });
        if (draft.State.Current is { Stage: GenerationStage.Running } current && worker.InGeneration && !ready.Finished)
        {
            Abort(draft, $"{worker.Name} left generation {current.Number} after step {ready.CompletedStep}: {ready.Reason}");
        }
    }

    private static void CollectiveFailed(Draft draft, CollectiveBroke broke)
    {
        var worker = draft.State.Workers[broke.WorkerId];
        if (draft.State.Current is { } current && current.Stage != GenerationStage.Aborting)
        {
            var peer = current.Plan.Members.FirstOrDefault(member => member.Ranks.Any(rank => rank.Rank == broke.PeerRank));
            string waitedFor = peer is null ? "" : $" (waiting for rank {broke.PeerRank} of {peer.Name})";
            string detail = broke.Detail.Length == 0 ? "" : $" during {broke.Detail}";
            string told = $"{worker.Name} reports a broken exchange in step {broke.Step}{detail}{waitedFor}: {broke.Reason}";
            if (broke.Detail == CollectiveBroke.Connecting)
            {
                NotConnected(draft, worker, draft.State.Workers.GetValueOrDefault(peer?.WorkerId ?? ""), told);
            }
            else if (broke.TimedOut && AtWork(draft) is var members && !members.Any(member => member.Activity.IsSaving))
            {
                Diagnose(draft, members, told);
            }
            else
            {
                Abort(draft, told);
            }
        }
    }

    /// <summary>
    /// Two that do not reach each other must not stop the run: a newcomer is sent away by those who train, of two equals the one that came later. On loopback no network is to blame: all try again.
    /// </summary>
    private static void NotConnected(Draft draft, WorkerState reporter, WorkerState? peer, string told)
    {
        bool someTrained = draft.State.Outstanding.Any(member => member.CompletedStep >= 0);
        WorkerState[] pair = [.. new[] { reporter, peer }.OfType<WorkerState>().OrderBy(worker => worker.Order)];
        WorkerState[] newcomers = [.. pair.Where(worker => worker.CompletedStep < 0)];
        if (someTrained && newcomers is [var newcomer])
        {
            Expel(draft, newcomer, $"{newcomer.Name} is sent away, the run goes on without it. {told}", DismissalKind.Failed);
        }
        else if (pair is [var first, var later] && !pair.Any(worker => IsLoopback(worker.DataAddress)))
        {
            Expel(draft, later, $"{later.Name} and {first.Name} do not reach each other; {later.Name}, which came later, is sent away, the run goes on without it. {told}", DismissalKind.Failed);
        }
        else
        {
            Abort(draft, told);
        }
    }

    /// <summary>What follows from the state as it now is, whatever brought it about.</summary>
    private static void Advance(Draft draft)
    {
        if (draft.State.IsOver)
        {
            Announce(draft);
            return;
        }

        if (draft.State.Current is not null)
        {
            if (draft.State.Outstanding.Any())
            {
                Steer(draft);
                return;
            }

            EndGeneration(draft);
            if (draft.State.IsOver)
            {
                Announce(draft);
                return;
            }
        }

        foreach (var leaver in draft.State.Workers.Values.Where(worker => worker.Leaving is not null).OrderBy(worker => worker.Order).ToArray())
        {
            Dismiss(draft, leaver, DismissalKind.Stopped, $"{leaver.Name} left as it asked: {leaver.Leaving}");
            draft.Say($"{leaver.Name} left as it asked: {leaver.Leaving}");
        }

        Form(draft);
        Announce(draft);
    }

    /// <summary>Reasons to end a running generation at its next step.</summary>
    private static void Steer(Draft draft)
    {
        var state = draft.State;
        if (state.Current is not { Stage: GenerationStage.Running } current)
        {
            return;
        }

        // Members that come back one by one after a restart are not disturbed before all are there.
        if (state.Outstanding.Any(member => member.Stage == WorkerStage.Detached))
        {
            return;
        }

        if (state.Phase == RunPhase.Stopping)
        {
            Pause(draft, state.Reason, save: true);
            return;
        }

        var leavers = state.Outstanding.Where(member => member.Leaving is not null).ToArray();
        if (leavers.Length > 0)
        {
            var staying = state.Workers.Values.Where(worker => worker.Leaving is null && worker.Stage is WorkerStage.Training or WorkerStage.Ready).ToArray();
            Pause(draft, $"{Names(leavers)} leaves: {leavers[0].Leaving}", save: staying.Length < state.Settings.MinimumWorkers);
            return;
        }

        if (Newcomers(draft) is { Length: > 0 } newcomers)
        {
            Pause(draft, $"{Names(newcomers)} {(newcomers.Length == 1 ? "joins" : "join")} generation {current.Number + 1}.", save: false);
        }
        else if (Straggling(draft) is { } straggling)
        {
            draft.State = draft.State with { Rebalancing = straggling, NoMoveBefore = draft.Now + draft.Timeouts.Rebalance };
            Pause(draft, straggling, save: false);
        }
    }

    /// <summary>Ready workers for whom there is work, once nobody else is about to be ready.</summary>
    private static WorkerState[] Newcomers(Draft draft)
    {
        var state = draft.State;
        if (state.Current is not { } current || current.Plan.RankCount >= state.Settings.Shards)
        {
            return [];
        }

        var ready = state.Workers.Values.Where(worker => worker.Stage == WorkerStage.Ready && worker.Leaving is null && worker.Generation != current.Number).ToArray();
        var patience = state.Workers.Values.Any(IsArriving) ? 5 * draft.Timeouts.Settle : draft.Timeouts.Settle;
        return ready.Any(worker => draft.Now - worker.Since >= patience) ? ready : [];
    }

    private static bool IsArriving(WorkerState worker) => worker.Stage is WorkerStage.Joined or WorkerStage.Preparing && worker.Leaving is null;

    private static void Pause(Draft draft, string reason, bool save)
    {
        var current = draft.State.Current!;
        draft.State = draft.State with { Current = current with { Stage = GenerationStage.Pausing, Since = draft.Now, Reason = reason, Saves = save } };
        foreach (var member in draft.State.Outstanding.Where(member => member.InSession).OrderBy(member => member.Order))
        {
            draft.Command(new SendPause(member.Id, member.Session, current.Number, reason, save));
        }

        string told = $"Generation {current.Number} pauses after the step in flight{(save ? " and saves" : "")}: {reason}";
        if (draft.State.Phase == RunPhase.Stopping)
        {
            draft.Say(told);
        }
        else
        {
            draft.Enter(RunPhase.Training, told);
        }
    }

    /// <summary>Everybody leaves the collective now. The first reason stays.</summary>
    private static void Abort(Draft draft, string reason)
    {
        if (draft.State.Current is not { } current || current.Stage == GenerationStage.Aborting)
        {
            return;
        }

        draft.State = draft.State with { Current = current with { Stage = GenerationStage.Aborting, Since = draft.Now, Reason = reason } };
        foreach (var member in draft.State.Outstanding.Where(member => member.InSession).OrderBy(member => member.Order))
        {
            draft.Command(new SendAbort(member.Id, member.Session, current.Number, reason));
        }

        draft.Command(new CloseRendezvous(current.Number));
        if (draft.State.Phase != RunPhase.Stopping)
        {
            draft.Enter(RunPhase.Forming, $"Generation {current.Number} is aborted: {reason}");
        }
    }

    private static void EndGeneration(Draft draft)
    {
        var state = draft.State;
        var current = state.Current!;
        var survivors = state.Workers.Values.Where(worker => worker.Generation == current.Number).ToArray();
        long step = survivors.Select(worker => worker.CompletedStep).DefaultIfEmpty(current.CompletedStep).Max();
        bool fruitless = current.Stage == GenerationStage.Aborting && !current.LostMember && current.CompletedStep < 0;
        int failures = fruitless ? state.FailuresInARow + 1 : 0;
        draft.State = state with
        {
            Current = null,
            FailuresInARow = failures,
            SaveTriedStep = current.Saves ? Math.Max(state.SaveTriedStep, step) : state.SaveTriedStep,
            NotBefore = failures == 0 ? draft.Now : draft.Now + (draft.Timeouts.Settle * Math.Min(1 << failures, 32)),
        };
        draft.Record(new GenerationOver(current.Number, step, current.Reason));
        draft.Command(new CloseRendezvous(current.Number));

        // The writer says Finished after its last snapshot and checkpoint are durable; without it the next writer has to do that.
        if (survivors.Any(worker => worker.Id == current.Plan.WriterId) && survivors.All(worker => worker.Finished))
        {
            End(draft, RunPhase.Finished, DismissalKind.Finished, $"The run is finished: {state.Settings.DurationImages} images seen.");
        }
        else if (failures >= FailuresLimit)
        {
            Fail(draft, $"{failures} generations in a row ended without a step although no worker was lost; the last: {current.Reason} Check that the workers reach one another's data ports, or start them with --data-address.");
        }
    }

    private static void Fail(Draft draft, string reason)
    {
        if (draft.State.Current is { } current)
        {
            Abort(draft, reason);
            draft.State = draft.State with { Current = null };
            draft.Record(new GenerationOver(current.Number, current.CompletedStep, reason));
        }

        End(draft, RunPhase.Failed, DismissalKind.Failed, reason);
    }

    private static void End(Draft draft, RunPhase phase, DismissalKind kind, string reason)
    {
        draft.Enter(phase, reason);
        draft.State = draft.State with { EndedAt = draft.Now };
        draft.Record(new ImagesCounted(draft.State.ImagesSeen));
        draft.Record(new RunOver(phase, reason));
        foreach (var worker in draft.State.Workers.Values.OrderBy(worker => worker.Order).ToArray())
        {
            // The worker itself closes the stream when it has taken its leave; it stays known until then.
            if (worker.InSession)
            {
                draft.Command(new SendDismiss(worker.Id, worker.Session, kind, reason));
            }
            else
            {
                Remove(draft, worker, reason);
            }
        }
    }

    private static void Announce(Draft draft)
    {
        var state = draft.State;
        if (state.IsOver && !state.Announced && (state.Workers.IsEmpty || draft.Now - state.EndedAt >= draft.Timeouts.Farewell))
        {
            draft.State = state with { Announced = true };
            draft.Command(new AnnounceEnd(state.Phase, state.Reason));
        }
    }
}
