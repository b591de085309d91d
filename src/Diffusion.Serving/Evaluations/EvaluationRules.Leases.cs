using System.Collections.Immutable;

namespace Diffusion.Serving.Evaluations;

/// <summary>Who gets what, for how long.</summary>
internal static partial class EvaluationRules
{
    private static QueueDecision Lease(QueueState state, WorkWanted e, DateTimeOffset now)
    {
        var next = state with { Evaluators = state.Evaluators.SetItem(e.EvaluatorId, new EvaluatorState(e.Name, e.Abilities, now)) };
        string obstacle = "";
        foreach (var job in next.InOrder.Where(j => !j.IsOver))
        {
            if (Obstacle(job, e.Abilities) is { } lacks)
            {
                obstacle = lacks;
                continue;
            }

            if (job.Numerics.Length > 0 && job.Numerics != e.Abilities.Numerics)
            {
                if (!IsDeserted(next, job, now))
                {
                    obstacle = $"{Name(job)} was begun by evaluators of {job.Numerics}, this one is of {e.Abilities.Numerics}; equal bits come from equal ones only.";
                    continue;
                }

                return Restart(next, job, e, now);
            }

            if (OpenTask(next, job, e.EvaluatorId) is { } index)
            {
                return Grant(next, job, index, e, now);
            }
        }

        return new QueueDecision(next, obstacle.Length > 0 ? obstacle : next.Jobs.Values.All(j => j.IsOver) ? "Nothing is queued." : "Everything that is queued is being worked on.");
    }

    /// <summary>What an evaluator lacks for a job; null when it can do it.</summary>
    private static string? Obstacle(JobState job, EvaluatorAbilities abilities)
    {
        if (job.Job.Metrics.FirstOrDefault(m => !abilities.Metrics.Contains(m.Name)) is { } metric)
        {
            return $"{Name(job)} needs an evaluator that measures '{metric.Name}'.";
        }

        return job.Job.Trusted.FirstOrDefault(d => !abilities.Trusted.Contains(d)) is { } file
            ? $"{Name(job)} runs the TorchScript file {file[..12]}…, which is a program: start evaluators with that file (--trust-features FILE)."
            : null;
    }

    /// <summary>Whether no evaluator of the kind that began a job has been heard of for long.</summary>
    private static bool IsDeserted(QueueState state, JobState job, DateTimeOffset now) =>
        !state.Evaluators.Values.Any(other => other.Abilities.Numerics == job.Numerics && now - other.LastHeard < state.Settings.SameKind);

    /// <summary>Another kind of evaluator begins the job anew: half of each would be neither's bits.</summary>
    private static QueueDecision Restart(QueueState state, JobState job, WorkWanted e, DateTimeOffset now)
    {
        int[] done = [.. Enumerable.Range(0, job.Parts.Length).Where(i => job.Parts[i].IsDone)];
        var fresh = job with { Phase = JobPhase.Measuring, Numerics = "", Parts = [.. job.Parts.Select(_ => new TaskState())], Merge = new TaskState() };
        var granted = Grant(state.With(fresh), fresh, 0, e, now);
        string[] digests = [.. job.Parts.Select(p => p.Digest).Where(d => d.Length > 0).Except(StatisticsOfOthers(state, job.Key))];
        return granted with
        {
            Journal = [new PartsForgotten(job.Key, done), .. granted.Journal],
            Commands = [new RemoveStatistics(digests), .. granted.Commands],
            Reason = $"{Name(job)} begins anew: it was begun by evaluators of {job.Numerics}, of which none has been heard of for {state.Settings.SameKind.TotalMinutes:0} minutes, and {e.Name} is of {e.Abilities.Numerics}.",
        };
    }

    private static int? OpenTask(QueueState state, JobState job, string evaluatorId)
    {
        bool IsOpen(TaskState task) => task is { IsDone: false, Lease: null } && !(task.FailedBy.Contains(evaluatorId) && OthersCould(state, job, task));
        if (job.Phase == JobPhase.Merging)
        {
            return !job.Job.IsExternal && IsOpen(job.Merge) ? job.MergeIndex : null;
        }

        for (int i = 0; i < job.Parts.Length; i++)
        {
            if (IsOpen(job.Parts[i]))
            {
                return i;
            }
        }

        return null;
    }

    // A box that fails at everything must not fail the jobs that others could do.
    private static bool OthersCould(QueueState state, JobState job, TaskState task) => state.Evaluators.Any(other =>
        !task.FailedBy.Contains(other.Key) && Obstacle(job, other.Value.Abilities) is null && (job.Numerics.Length == 0 || job.Numerics == other.Value.Abilities.Numerics));

    private static QueueDecision Grant(QueueState state, JobState job, int index, WorkWanted e, DateTimeOffset now)
    {
        var task = job.Task(index) with { Lease = new TaskLease(e.EvaluatorId, e.Name, now + state.Settings.Lease, 0) };
        return new QueueDecision(state.With(job.With(index, task))) { Commands = [new GrantTask(job.Key, index)] };
    }

    private static QueueDecision Renew(QueueState state, TaskRenewed e, DateTimeOffset now)
    {
        if (state.Jobs.GetValueOrDefault(e.Key) is not { IsOver: false } job || !IsTask(job, e.Part))
        {
            return Ignored(state, state.Jobs.GetValueOrDefault(e.Key), e.Key);
        }

        var task = job.Task(e.Part);
        if (task.IsDone || (task.Lease is { } held && held.EvaluatorId != e.EvaluatorId))
        {
            return new QueueDecision(state, task.IsDone ? $"{TaskName(job, e.Part)} is there already." : $"{TaskName(job, e.Part)} was given to {task.Lease!.Name}.") { Accepted = false };
        }

        // Nobody else has it: an evaluator that was silent for a while, or a server that was restarted, loses nothing.
        var renewed = task with { Lease = new TaskLease(e.EvaluatorId, e.Name, now + state.Settings.Lease, e.SeedsDone) };
        var heard = state.Evaluators.TryGetValue(e.EvaluatorId, out var known) ? state.Evaluators.SetItem(e.EvaluatorId, known with { LastHeard = now }) : state.Evaluators;
        return new QueueDecision((state with { Evaluators = heard }).With(job.With(e.Part, renewed)));
    }

    private static QueueDecision GiveBack(QueueState state, TaskGivenBack e)
    {
        if (state.Jobs.GetValueOrDefault(e.Key) is not { IsOver: false } job || !IsTask(job, e.Part) || job.Task(e.Part).Lease is not { } lease || lease.EvaluatorId != e.EvaluatorId)
        {
            return Ignored(state, state.Jobs.GetValueOrDefault(e.Key), e.Key);
        }

        return new QueueDecision(state.With(job.With(e.Part, job.Task(e.Part) with { Lease = null })), $"{lease.Name} gave {TaskName(job, e.Part)} of job {e.Key[..8]} back.");
    }

    private static QueueDecision Expire(QueueState state, DateTimeOffset now)
    {
        var decision = new QueueDecision(state with
        {
            Evaluators = state.Evaluators.RemoveRange(state.Evaluators.Where(e => now - e.Value.LastHeard > state.Settings.SameKind).Select(e => e.Key)),
        });
        foreach (var job in state.Jobs.Values.Where(j => !j.IsOver))
        {
            for (int i = 0; i <= job.MergeIndex; i++)
            {
                if (job.Task(i).Lease is { } lease && lease.Until <= now)
                {
                    decision = Joined(decision, Vanish(decision.Next, decision.Next.Jobs[job.Key], i, lease));
                }
            }
        }

        return decision;
    }

    private static QueueDecision Vanish(QueueState state, JobState job, int index, TaskLease lease)
    {
        if (job.IsOver)
        {
            return new QueueDecision(state);
        }

        var gone = state with { Evaluators = state.Evaluators.Remove(lease.EvaluatorId) };
        var task = job.Task(index) with { Lease = null, Vanished = job.Task(index).Vanished + 1 };
        string reason = $"{lease.Name} was not heard of for {state.Settings.Lease.TotalSeconds:0.#} s; {TaskName(job, index)} of job {job.Key[..8]} goes to another.";
        return task.Vanished < state.Settings.MostVanished
            ? new QueueDecision(gone.With(job.With(index, task)), reason)
            : GiveUp(gone, job, $"{task.Vanished} evaluators vanished over {TaskName(job, index)}, last {lease.Name}. See their logs (memory?), then submit the job again.");
    }

    private static QueueDecision Joined(QueueDecision first, QueueDecision second) => second with
    {
        Journal = [.. first.Journal, .. second.Journal],
        Commands = [.. first.Commands, .. second.Commands],
        Reason = string.Join(' ', new[] { first.Reason, second.Reason }.Where(r => r.Length > 0)),
    };

    private static bool IsTask(JobState job, int index) => index >= 0 && index <= job.MergeIndex && (index == job.MergeIndex) == (job.Phase == JobPhase.Merging);
}
