using System.Globalization;

namespace Diffusion.Coordinator.Run;

/// <summary>Heartbeats go on and no step completes: one report says who waits for whom, and who holds up the others goes.</summary>
internal static partial class RunRules
{
    private const string HangAlarm = "hang";

    /// <summary>Ages of last events that differ by less are the same: heartbeats are as old as that.</summary>
    private const double AgesApart = 1;

    private static void FindHang(Draft draft)
    {
        if (draft.State.Current is not { Stage: GenerationStage.Running } current)
        {
            return;
        }

        var members = AtWork(draft);
        var limit = draft.State.MedianStep is null && FirstStepOfOthers(draft, current, members) is { } others
            ? draft.Timeouts.FirstStepDeadline(others)
            : draft.Timeouts.StepDeadline(draft.State.MedianStep, firstStep: current.CompletedStep < 0);
        var stuck = draft.Now - current.LastAdvance;
        if (stuck >= limit && members.Length > 0 && !members.Any(member => member.Activity.IsSaving))
        {
            Diagnose(draft, members, $"No step was completed in generation {current.Number} for {Seconds(stuck)} s (limit {Seconds(limit)} s).");
        }
    }

    /// <summary>
    /// How long the run's very first step took those who have done their part and wait for the others: the slowest of them, by the shard, times the shards of who has most. Null while nobody waits.
    /// </summary>
    private static TimeSpan? FirstStepOfOthers(Draft draft, GenerationState current, WorkerState[] members)
    {
        var waiting = members.Where(member => member.Activity is { IsExchanging: true, Step: > 0 }).ToArray();
        if (waiting.Length == 0 || waiting.Length == members.Length)
        {
            return null;
        }

        int most = members.Max(Shards);
        return waiting.Max(member => (member.LastHeard - current.Since - TimeSpan.FromSeconds(member.Activity.IdleSeconds)) * most / Math.Max(1, Shards(member)));

        int Shards(WorkerState member) => current.Plan.Member(member.Id)?.ShardCount ?? 1;
    }

    /// <summary>Reports who waits for whom. The one that holds up the others is removed; when none stands out everybody leaves the step and tries again.</summary>
    private static void Diagnose(Draft draft, WorkerState[] members, string trigger)
    {
        var culprit = Culprit(members);
        string whom = culprit is null
            ? "No worker stands out; all leave the step and repeat it."
            : $"Everybody waits for {culprit.Name}: {Doing(culprit)}. It is removed, the others go on.";
        string report = $"{trigger} {whom} {Situation(members)}";
        long step = members.Max(member => member.Activity.Step);
        draft.Command(new WriteHangReport(step, Page(draft, trigger, whom, members)));
        draft.Alarm(HangAlarm, report);
        draft.State = draft.State with { HangAt = draft.Now };
        if (culprit is null)
        {
            Abort(draft, report);
        }
        else
        {
            Expel(draft, culprit, $"{culprit.Name} is removed, it holds up all others. {report}");
        }
    }

    /// <summary>Who lags behind all others; where several are equally far, whose last event is the oldest. Null when there is no such one, or nobody else.</summary>
    private static WorkerState? Culprit(WorkerState[] members)
    {
        if (members.Length < 2)
        {
            return null;
        }

        var least = members.Min(member => member.Activity.Progress);
        var last = members.Where(member => member.Activity.Progress == least).OrderByDescending(member => member.Activity.IdleSeconds).ToArray();
        return last.Length == 1 || last[0].Activity.IdleSeconds >= last[1].Activity.IdleSeconds + AgesApart ? last[0] : null;
    }

    /// <summary>The alarm outlives the hang, so that somebody sees it, but not for ever.</summary>
    private static void ForgetHang(Draft draft)
    {
        if (draft.State.HangAt is { } at && draft.Now - at >= draft.Timeouts.GiveUp)
        {
            draft.Alarm(HangAlarm, null);
            draft.State = draft.State with { HangAt = null };
        }
    }

    private static WorkerState[] AtWork(Draft draft) => [.. draft.State.Outstanding.Where(member => member.Stage == WorkerStage.Training).OrderBy(member => member.Order)];

    private static string Page(Draft draft, string trigger, string whom, WorkerState[] members)
    {
        string usual = draft.State.MedianStep is { } median ? $"A step usually takes {Milliseconds(median.TotalSeconds)}." : "No step was completed before.";
        return string.Join('\n', [
            string.Create(CultureInfo.InvariantCulture, $"{draft.Now:yyyy-MM-dd HH:mm:ss}Z {trigger}"),
            whom,
            usual,
            "",
            .. members.Select(member => string.Create(
                CultureInfo.InvariantCulture,
                $"{member.Name} (process {member.ProcessId}, data at {member.DataAddress}, {draft.State.Current?.Plan.Member(member.Id)?.ShardCount ?? 0} shards): {Doing(member)}; last event {member.Activity.IdleSeconds:0.0} s before its last heartbeat, {Seconds(draft.Now - member.LastHeard)} s ago; {member.CompletedStep} steps completed")),
            "",
        ]);
    }

    private static string Situation(IEnumerable<WorkerState> members) => string.Join("; ", members.Select(member => $"{member.Name}: {Doing(member)}")) + ".";

    private static string Doing(WorkerState member)
    {
        var activity = member.Activity;
        string rank = activity.Rank < 0 ? "" : FormattableString.Invariant($"rank {activity.Rank} in ");
        string exchange = !activity.IsExchanging ? "" : activity.Exchange.Length > 0 ? $", waiting for {activity.Exchange}" : ", waiting in an exchange";
        return FormattableString.Invariant($"{rank}{activity.Phase} of step {activity.Step}{exchange}");
    }
}
