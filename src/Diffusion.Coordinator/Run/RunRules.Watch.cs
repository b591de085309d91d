using System.Globalization;

namespace Diffusion.Coordinator.Run;

internal static partial class RunRules
{
    /// <summary>What follows from time alone: leases, unanswered commands, hangs.</summary>
    private static void Tick(Draft draft)
    {
        ForgiveOwnPause(draft);
        draft.State = draft.State with { LastTick = draft.Now };
        if (draft.State.IsOver)
        {
            return;
        }

        ExpireLeases(draft);
        ExpireAnswers(draft);
        FindHang(draft);
        ForgetHang(draft);
        CountImages(draft);
    }

    /// <summary>If the coordinator itself was stopped, nobody else is to blame for the silence.</summary>
    private static void ForgiveOwnPause(Draft draft)
    {
        var state = draft.State;
        var gap = draft.Now - state.LastTick;
        if (state.LastTick == default || gap < draft.Timeouts.Suspect)
        {
            return;
        }

        foreach (var worker in state.Workers.Values)
        {
            draft.Update(worker with { LastHeard = worker.LastHeard + gap, Since = worker.Since + gap });
        }

        if (state.Current is { } current)
        {
            draft.State = draft.State with { Current = current with { Since = current.Since + gap, LastAdvance = current.LastAdvance + gap } };
        }

        draft.Say($"The coordinator itself stood still for {Seconds(gap)} s; leases are extended by it.");
    }

    private static void ExpireLeases(Draft draft)
    {
        var timeouts = draft.Timeouts;
        foreach (var worker in draft.State.Workers.Values.OrderBy(worker => worker.Order).ToArray())
        {
            var silence = draft.Now - worker.LastHeard;
            if (!worker.InSession)
            {
                if (worker.Stage == WorkerStage.Detached)
                {
                    AwaitBack(draft, worker, silence);
                }
                else if (silence >= timeouts.Reattach)
                {
                    Lose(draft, worker, $"{worker.Name} is lost: it joined but opened no session for {Seconds(silence)} s.");
                }
            }
            else if (silence >= timeouts.Lease)
            {
                string reason = $"{worker.Name} is lost: nothing was heard of it for {Seconds(silence)} s (limit {Seconds(timeouts.Lease)} s).";
                draft.Command(new SendDismiss(worker.Id, worker.Session, DismissalKind.Removed, reason));
                Lose(draft, worker, reason);
            }
            else if (silence >= timeouts.Suspect && !worker.Suspect)
            {
                draft.Update(worker with { Suspect = true });
                draft.Say($"{worker.Name} is silent for {Seconds(silence)} s.");
            }
        }
    }

    /// <summary>Patience with a member that is expected back costs nothing while the others train on; once somebody waits for it, it has a lease like everybody who is silent.</summary>
    private static void AwaitBack(Draft draft, WorkerState worker, TimeSpan silence)
    {
        var waiting = draft.State.Workers.Values.Where(other => other.Stage == WorkerStage.Ready && other.InSession).ToArray();
        var limit = waiting.Length > 0 ? draft.Timeouts.Lease : draft.Timeouts.Reattach;
        if (silence >= limit)
        {
            string whoWaits = waiting.Length == 0 ? "" : $", and {Names(waiting)} {(waiting.Length == 1 ? "waits" : "wait")} for it";
            Lose(draft, worker, $"{worker.Name} is lost: it did not come back within {Seconds(silence)} s of the coordinator's restart{whoWaits} (limit {Seconds(limit)} s).");
        }
    }

    /// <summary>Who was told to abort or pause must come out of the generation in bounded time.</summary>
    private static void ExpireAnswers(Draft draft)
    {
        if (draft.State.Current is not { Stage: not GenerationStage.Running } current)
        {
            return;
        }

        var limit = draft.Timeouts.StepDeadline(draft.State.MedianStep ?? TimeSpan.Zero, firstStep: current.CompletedStep < 0);
        var waited = draft.Now - current.Since;
        var silent = draft.State.Outstanding.Where(member => member.Stage == WorkerStage.Training).OrderBy(member => member.Order).ToArray();
        if (waited < limit || silent.Length == 0 || silent.Any(member => member.Activity.IsSaving))
        {
            return;
        }

        if (current.Stage == GenerationStage.Pausing)
        {
            Abort(draft, $"{Names(silent)} did not pause within {Seconds(waited)} s; {Situation(silent)}");
            return;
        }

        foreach (var member in silent)
        {
            Expel(draft, member, $"{member.Name} is removed: it did not leave generation {current.Number} within {Seconds(waited)} s of its abort ({Doing(member)}).");
        }
    }

    /// <summary>Sends a worker away whose session still stands; the others leave the generation.</summary>
    private static void Expel(Draft draft, WorkerState worker, string reason, DismissalKind kind = DismissalKind.Removed)
    {
        if (worker.InSession)
        {
            draft.Command(new SendDismiss(worker.Id, worker.Session, kind, reason));
        }

        Lose(draft, worker, reason);
    }

    private static void CountImages(Draft draft)
    {
        var state = draft.State;
        if (state.ImagesSeen != state.JournalledImages && draft.Now - state.JournalledAt >= TimeSpan.FromSeconds(10))
        {
            draft.Record(new ImagesCounted(state.ImagesSeen));
            draft.State = state with { JournalledImages = state.ImagesSeen, JournalledAt = draft.Now };
        }
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture);
}
