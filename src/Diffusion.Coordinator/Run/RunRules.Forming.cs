using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

internal static partial class RunRules
{
    /// <summary>Forms the next generation if it can be formed now, else says whom it waits for.</summary>
    private static void Form(Draft draft)
    {
        var state = draft.State;
        if (state.IsOver || state.Current is not null)
        {
            return;
        }

        var ready = Candidates(state);
        if (SilentCorruption(ready) is { } corruption)
        {
            Fail(draft, corruption);
            return;
        }

        if (state.Phase == RunPhase.Stopping)
        {
            if (!SaveFirst(draft, ready, state.Reason))
            {
                End(draft, RunPhase.Stopped, DismissalKind.Stopped, state.Reason);
            }

            return;
        }

        int needed = state.Started ? state.Settings.MinimumWorkers : state.Settings.WorkersToStart;
        if (ready.Length < needed)
        {
            string who = WhoIsMissing(state, ready, needed);
            if (!state.Started || !SaveFirst(draft, ready, who))
            {
                draft.Enter(RunPhase.Waiting, who);
            }

            return;
        }

        if (IsUnsettled(draft, ready))
        {
            draft.Enter(RunPhase.Forming, $"{Count(ready.Length, "worker")} ready; the next generation forms.");
            return;
        }

        Start(draft, ready);
    }

    /// <summary>Most advanced first, so that a peer holds the state to start from; then by age. A first member sees the run directory if any does.</summary>
    private static WorkerState[] Candidates(RunState state) =>
    [
        .. state.Workers.Values
            .Where(worker => worker.Stage == WorkerStage.Ready && worker.InSession && worker.Leaving is null)
            .OrderByDescending(worker => worker.CompletedStep)
            .ThenBy(worker => worker.Order),
    ];

    private static string? SilentCorruption(WorkerState[] ready)
    {
        var groups = ready.Where(worker => worker.CompletedStep >= 0 && worker.Digest.Length > 0).GroupBy(worker => worker.CompletedStep);
        foreach (var group in groups)
        {
            var first = group.First();
            if (group.FirstOrDefault(worker => worker.Digest != first.Digest) is { } other)
            {
                return $"After step {group.Key} {first.Name} holds state {first.Digest} and {other.Name} holds {other.Digest}: one of them computed wrongly. The run stops before the difference spreads; test the memory of both machines and start again from the last checkpoint.";
            }
        }

        return null;
    }

    private static string WhoIsMissing(RunState state, WorkerState[] ready, int needed)
    {
        var arriving = state.Workers.Values.Where(worker => IsArriving(worker)).ToArray();
        string have = ready.Length == 0 ? "none is ready" : $"ready: {Names(ready)}";
        string soon = arriving.Length == 0 ? "" : $"; preparing: {Names(arriving)}";
        return $"Waiting for {Count(needed - ready.Length, "worker")}: {needed} needed, {have}{soon}.";
    }

    /// <summary>Newcomers within moments of each other share one generation; after a loss there is nobody to wait for.</summary>
    private static bool IsUnsettled(Draft draft, WorkerState[] ready)
    {
        var state = draft.State;
        if (draft.Now < state.NotBefore)
        {
            return true;
        }

        bool arriving = state.Workers.Values.Any(IsArriving);
        var newest = ready.Max(worker => worker.Since);
        var patience = arriving ? 5 * draft.Timeouts.Settle : state.Started ? TimeSpan.Zero : draft.Timeouts.Settle;
        return draft.Now - newest < patience;
    }

    /// <summary>A short generation whose only purpose is the checkpoint: the run cannot go on, and its members hold steps that no file holds.</summary>
    private static bool SaveFirst(Draft draft, WorkerState[] ready, string reason)
    {
        var state = draft.State;
        long step = ready.Select(worker => worker.CompletedStep).DefaultIfEmpty(-1).Max();
        if (step <= 0 || step <= state.SaveTriedStep || step * state.Settings.BatchSize <= state.LastCheckpointImages)
        {
            return false;
        }

        Start(draft, ready);
        Pause(draft, reason, save: true);
        return true;
    }

    private static void Start(Draft draft, WorkerState[] ready)
    {
        var state = draft.State;
        long number = state.Generation + 1;
        var (chosen, used) = Choose(ready, state.Settings.Shards);
        var ranges = Spread(state, chosen, used);
        var members = ImmutableArray.CreateBuilder<MemberPlan>(chosen.Length);
        for (int member = 0, rank = 0; member < chosen.Length; rank += used[member++])
        {
            members.Add(new MemberPlan(chosen[member].Id, chosen[member].Name, chosen[member].DataAddress, [.. ranges.AsSpan(rank, used[member])]));
        }

        string spare = ready.Length > chosen.Length ? $"; {Names(ready.Except(chosen))} waits as a spare, since there are no more shards" : "";
        string shares = ranges.SequenceEqual(ShardSpread.Even(state.Settings.Shards, used.Sum())) ? "" : $" ({Shares(members)} shards)";
        string moved = state.Rebalancing is { } rebalancing ? $" {rebalancing}" : "";
        string reason = $"Generation {number} trains on {string.Join(", ", chosen.Select(worker => worker.Name))} with {Count(used.Sum(), "rank")}{shares}{spare}.{moved}";
        string writer = (chosen.FirstOrDefault(worker => worker.SeesRunDirectory) ?? chosen[0]).Id;
        var plan = new GenerationPlan(number, members.MoveToImmutable(), writer, reason);
        draft.Record(new GenerationFormed(plan, [.. chosen.Select(worker => new MemberRecord(worker.Id, worker.Name, worker.Order, worker.Ranks, worker.DataAddress, worker.SeesRunDirectory, worker.ProcessId, worker.Share))]));
        draft.State = state with
        {
            Generation = number,
            Started = true,
            Rebalancing = null,
            Current = new GenerationState { Plan = plan, Since = draft.Now, Reason = reason, LastAdvance = draft.Now },
        };
        draft.Command(new OpenRendezvous(number));
        foreach (var worker in chosen)
        {
            draft.Update(worker with { Stage = WorkerStage.Training, Since = draft.Now, Generation = number, Finished = false, Activity = WorkerActivity.Unknown, Pace = null, Samples = [] });
            draft.Command(new SendStart(worker.Id, worker.Session, plan));
        }

        if (draft.State.Phase == RunPhase.Stopping)
        {
            draft.Say(reason);
        }
        else
        {
            draft.Enter(RunPhase.Training, reason);
        }
    }

    /// <summary>Members and how many ranks each brings: no more ranks than shards, and somebody who sees the run directory if anybody does, since files are better written than sent.</summary>
    private static (WorkerState[] Chosen, int[] Used) Choose(WorkerState[] ready, int shards)
    {
        var order = ready.ToList();
        if (order.FirstOrDefault(worker => worker.SeesRunDirectory) is { } writer && !Take(order, shards).Chosen.Any(worker => worker.SeesRunDirectory))
        {
            order.Remove(writer);
            order.Insert(0, writer);
        }

        return Take(order, shards);
    }

    private static (WorkerState[] Chosen, int[] Used) Take(List<WorkerState> order, int shards)
    {
        var used = new List<int>();
        foreach (var worker in order.TakeWhile(_ => used.Sum() < shards))
        {
            used.Add(Math.Min(worker.Ranks, shards - used.Sum()));
        }

        return ([.. order.Take(used.Count)], [.. used]);
    }
}
