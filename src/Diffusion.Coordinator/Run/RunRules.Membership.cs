using System.Collections.Immutable;
using System.Net;

namespace Diffusion.Coordinator.Run;

internal static partial class RunRules
{
    private const int RememberedRemovals = 4096;
    private const double MaximumShare = 1e6;

    private static void Join(Draft draft, JoinAsked join)
    {
        var state = draft.State;
        if (state.IsOver || state.Phase == RunPhase.Stopping)
        {
            draft.Refuse(RefusalKind.Precondition, $"The run takes no more workers: {state.Reason}");
            return;
        }

        if (state.Workers.ContainsKey(join.WorkerId) || state.Removed.ContainsKey(join.WorkerId))
        {
            draft.Refuse(RefusalKind.Precondition, $"Worker id {join.WorkerId} was used before. A worker that joins again takes a new id.");
            return;
        }

        if (join.Ranks < 1)
        {
            draft.Refuse(RefusalKind.Precondition, $"{join.Name} brings {join.Ranks} ranks; at least 1 is needed. Start it with --devices cpu:1.");
            return;
        }

        if (state.Workers.Values.OrderBy(worker => worker.Order).FirstOrDefault(worker => IsLoopback(worker.DataAddress) != IsLoopback(join.DataAddress)) is { } unreachable)
        {
            var (local, remote) = IsLoopback(join.DataAddress) ? ($"{join.Name} ({join.DataAddress})", $"{unreachable.Name} ({unreachable.DataAddress})") : ($"{unreachable.Name} ({unreachable.DataAddress})", $"{join.Name} ({join.DataAddress})");
            draft.Refuse(
                RefusalKind.Precondition,
                $"{join.Name} cannot take part: {local} exchanges gradients on its own box alone, and {remote} on the network; neither would reach the other. "
                + $"Start {local} with --coordinator and this box's network address in place of a loopback one, or with --data-address ADDR.");
            return;
        }

        if (!double.IsFinite(join.Share) || join.Share is < 0 or > MaximumShare)
        {
            draft.Refuse(RefusalKind.Precondition, FormattableString.Invariant($"{join.Name} asks for a share of {join.Share}; above 0 up to {MaximumShare}, relative to the others, who have 1. Start it without --share to go by what is measured."));
            return;
        }

        if (state.Workers.Count >= state.Settings.MaximumWorkers)
        {
            draft.Refuse(RefusalKind.Exhausted, $"The run has its maximum of {Count(state.Settings.MaximumWorkers, "worker")}; {join.Name} is one too many. Raise the maximum, or stop another worker first.");
            return;
        }

        if (state.Fingerprint is { } fingerprint)
        {
            string[] differences = [.. Differences(fingerprint, join.Fingerprint)];
            if (differences.Length > 0)
            {
                draft.Refuse(
                    RefusalKind.Precondition,
                    $"{join.Name} would compute other bits than this run: {string.Join("; ", differences)}. Start it with the run's build, libraries, device kind and data, or begin a new run directory.{Remedy(fingerprint, join.Fingerprint)}");
                return;
            }
        }
        else
        {
            draft.State = draft.State with { Fingerprint = join.Fingerprint };
            draft.Record(new FingerprintFixed(join.Fingerprint));
        }

        string name = UniqueName(state, join.Name);
        draft.Update(new WorkerState
        {
            Id = join.WorkerId,
            Name = name,
            Order = state.NextOrder,
            Ranks = join.Ranks,
            DataAddress = join.DataAddress,
            SeesRunDirectory = join.SeesRunDirectory,
            ProcessId = join.ProcessId,
            Share = join.Share,
            Since = draft.Now,
            LastHeard = draft.Now,
        });
        draft.State = draft.State with { NextOrder = state.NextOrder + 1 };
        draft.Say($"{name} joins with {Count(join.Ranks, "rank")} (process {join.ProcessId}, data at {join.DataAddress}{(join.SeesRunDirectory ? "" : ", without sight of the run directory")}).");
    }

    private static bool IsLoopback(string address) => address == "localhost" || (IPAddress.TryParse(address, out var parsed) && IPAddress.IsLoopback(parsed));

    private static IEnumerable<string> Differences(ImmutableSortedDictionary<string, string> run, ImmutableSortedDictionary<string, string> worker) =>
        from key in run.Keys.Union(worker.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal)
        let ours = run.GetValueOrDefault(key, "nothing")
        let theirs = worker.GetValueOrDefault(key, "nothing")
        where ours != theirs
        select $"{key} is '{theirs}' there and '{ours}' in the run";

    // Entries that only a run with exact sums has.
    private static readonly string[] DeviceEntries = ["device", "gpu", "cuda", "cudnn", "nccl"];

    private static string Remedy(ImmutableSortedDictionary<string, string> run, ImmutableSortedDictionary<string, string> worker) =>
        DeviceEntries.Any(key => run.GetValueOrDefault(key) != worker.GetValueOrDefault(key))
            ? " A run begun with --fast takes devices of several kinds, and gives up that any number of workers ends with the same bits."
            : "";

    /// <summary>Two boxes called localhost must still be told apart on the page.</summary>
    private static string UniqueName(RunState state, string wanted)
    {
        var taken = state.Workers.Values.Select(worker => worker.Name).ToHashSet(StringComparer.Ordinal);
        string name = wanted.Length == 0 ? "worker" : wanted;
        return !taken.Contains(name)
            ? name
            : Enumerable.Range(2, int.MaxValue - 2).Select(number => FormattableString.Invariant($"{name}#{number}")).First(candidate => !taken.Contains(candidate));
    }

    private static void Open(Draft draft, SessionOpened opened)
    {
        var state = draft.State;
        if (!state.Workers.TryGetValue(opened.WorkerId, out var worker))
        {
            // A journal that lost its tail must not hand out a number again that workers have seen.
            draft.State = state with { Generation = Math.Max(state.Generation, opened.Generation) };
            draft.Refuse(RefusalKind.Precondition, WhyUnknown(state, opened.WorkerId));
            return;
        }

        if (worker.InSession)
        {
            draft.Refuse(RefusalKind.Precondition, $"{worker.Name} has a session already; one worker process has one. Join again as a new worker.");
            return;
        }

        var heard = worker with { Session = opened.Session, LastHeard = draft.Now, Suspect = false };
        if (worker.Stage == WorkerStage.Joined)
        {
            draft.Update(heard with { Stage = WorkerStage.Preparing, Since = draft.Now });
            return;
        }

        // Detached: a member of the journalled generation comes back to a restarted coordinator.
        if (opened.Generation != worker.Generation)
        {
            Lose(draft, worker, $"{worker.Name} came back in generation {opened.Generation}, the journal has it in {worker.Generation}.");
            draft.Refuse(RefusalKind.Precondition, WhyUnknown(draft.State, opened.WorkerId));
            return;
        }

        draft.Update(heard with { Stage = WorkerStage.Training, Since = draft.Now });
        draft.Say($"{worker.Name} is back in generation {worker.Generation}.");
        if (draft.State.Current is { } current && current.Number == worker.Generation)
        {
            switch (current.Stage)
            {
                case GenerationStage.Aborting:
                    draft.Command(new SendAbort(worker.Id, opened.Session, current.Number, current.Reason));
                    break;
                case GenerationStage.Pausing:
                    draft.Command(new SendPause(worker.Id, opened.Session, current.Number, current.Reason, current.Saves));
                    break;
                case GenerationStage.Running when !draft.State.Outstanding.Any(member => member.Stage == WorkerStage.Detached):
                    draft.Enter(RunPhase.Training, $"All {Count(current.Plan.Members.Length, "member")} of generation {current.Number} are back; it trains on.");
                    break;
            }
        }
    }

    private static void Close(Draft draft, SessionClosed closed)
    {
        if (!draft.State.Workers.TryGetValue(closed.WorkerId, out var worker) || worker.Session != closed.Session)
        {
            return;
        }

        if (draft.State.IsOver)
        {
            Remove(draft, worker, $"{worker.Name} left after the end of the run.");
        }
        else
        {
            Lose(draft, worker, $"{worker.Name} is lost: {closed.Reason}");
        }
    }

    /// <summary>Nobody waits for a member that cannot come back.</summary>
    private static void Ended(Draft draft, MemberEnded ended)
    {
        if (draft.State.Workers.TryGetValue(ended.WorkerId, out var worker) && worker.Stage == WorkerStage.Detached)
        {
            Lose(draft, worker, $"{worker.Name} is lost: its process {worker.ProcessId} ended while the coordinator was away.");
        }
    }

    private static void Leave(Draft draft, LeaveAsked leave)
    {
        var worker = draft.State.Workers[leave.WorkerId];
        if (worker.Leaving is null)
        {
            draft.Update(worker with { Leaving = leave.Reason });
            draft.Say($"{worker.Name} wants to leave: {leave.Reason}");
        }
    }

    private static void WorkerFailed(Draft draft, WorkerBroke broken)
    {
        var worker = draft.State.Workers[broken.WorkerId];
        Fail(draft, $"{worker.Name} cannot go on: {broken.Reason}");
    }

    private static void Stop(Draft draft, StopRequested stop)
    {
        if (draft.State.IsOver || draft.State.Phase == RunPhase.Stopping)
        {
            return;
        }

        draft.Enter(RunPhase.Stopping, $"The run is asked to stop: {stop.Reason}");
    }

    /// <summary>A worker is gone without goodbye: the others leave the collective at once.</summary>
    private static void Lose(Draft draft, WorkerState worker, string reason)
    {
        bool wasOutstanding = draft.State.Outstanding.Any(member => member.Id == worker.Id);
        Remove(draft, worker, reason);
        draft.Record(new WorkerGone(worker.Id, worker.Name, reason));
        draft.Say(reason);
        if (wasOutstanding && draft.State.Current is { } current)
        {
            draft.State = draft.State with { Current = current with { LostMember = true } };
            Abort(draft, reason);
        }
    }

    private static void Remove(Draft draft, WorkerState worker, string reason)
    {
        var removed = draft.State.Removed.Count >= RememberedRemovals ? draft.State.Removed.Clear() : draft.State.Removed;
        draft.State = draft.State with
        {
            Workers = draft.State.Workers.Remove(worker.Id),
            Removed = removed.SetItem(worker.Id, reason),
        };
        if (worker.InSession)
        {
            draft.Command(new CloseSession(worker.Id, worker.Session));
        }
    }

    /// <summary>Tells a worker to go and forgets it.</summary>
    private static void Dismiss(Draft draft, WorkerState worker, DismissalKind kind, string reason)
    {
        if (worker.InSession)
        {
            draft.Command(new SendDismiss(worker.Id, worker.Session, kind, reason));
        }

        Remove(draft, worker, reason);
    }
}
