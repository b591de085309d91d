namespace Diffusion.Serving.Evaluations;

/// <summary>What becomes of results, and of failures.</summary>
internal static partial class EvaluationRules
{
    private static QueueDecision Record(QueueState state, PartMeasured e, DateTimeOffset now)
    {
        var job = state.Jobs.GetValueOrDefault(e.Key);
        if (job is { IsOver: false } && e.Part >= 0 && e.Part < job.Parts.Length && job.Parts[e.Part].IsDone)
        {
            return job.Parts[e.Part].Digest == e.Digest
                ? new QueueDecision(state, $"{TaskName(job, e.Part)} is there already.")
                : new QueueDecision(state, $"{e.Name} reports other bytes for {TaskName(job, e.Part)} of job {e.Key[..8]} than were there; the first ones are kept. Equal evaluators give equal bytes: check that box's memory, and its libtorch.") { Accepted = false };
        }

        if (job is not { IsOver: false } || !IsTask(job, e.Part) || e.Part == job.MergeIndex)
        {
            return Ignored(state, job, e.Key);
        }

        if (job.Numerics.Length > 0 && job.Numerics != e.Numerics)
        {
            return new QueueDecision(state, $"{Name(job)} is measured by evaluators of {job.Numerics}, and {e.Name} is of {e.Numerics}.") { Accepted = false };
        }

        var next = job.With(e.Part, new TaskState { Digest = e.Digest }) with { Numerics = e.Numerics };
        if (next.Parts.All(p => p.IsDone))
        {
            next = next with { Phase = JobPhase.Merging };
        }

        return Started(state, next) with { Journal = [new PartRecorded(e.Key, e.Part, e.Numerics, e.Digest)] };
    }

    private static QueueDecision Finish(QueueState state, JobMerged e, DateTimeOffset now)
    {
        var job = state.Jobs.GetValueOrDefault(e.Key);
        if (job?.Phase == JobPhase.Done)
        {
            return new QueueDecision(state, $"{Name(job)} is done already.");
        }

        if (job?.Phase != JobPhase.Merging)
        {
            return Ignored(state, job, e.Key);
        }

        string[] expected = [.. job.Job.Metrics.Select(m => job.Job.Expected(m).Identity).Order(StringComparer.Ordinal)];
        if (!e.Scores.Select(s => s.Identity).Order(StringComparer.Ordinal).SequenceEqual(expected) || e.Scores.Any(s => !double.IsFinite(s.Value) || s.StandardError is { } error && !double.IsFinite(error)))
        {
            string asked = string.Join("; ", job.Job.Metrics.Select(m => job.Job.Expected(m).Conditions));
            return Fail(state, new TaskFailed(e.EvaluatorId, e.Name, e.Key, job.MergeIndex, $"it brought {string.Join("; ", e.Scores.Select(s => $"{s.Conditions} = {s.Value}"))}; asked were finite numbers for {asked}", IsFinal: false), now) with { Accepted = false };
        }

        var over = Over(state, job with { Phase = JobPhase.Done, Scores = e.Scores, Remarks = e.Remarks }, $"{Name(job)} is done: {string.Join(", ", e.Scores.Select(s => FormattableString.Invariant($"{s.Metric} {s.Value:G5}")))}.");
        return over with { Commands = [new KeepScores(e.Scores), .. over.Commands] };
    }

    private static QueueDecision Fail(QueueState state, TaskFailed e, DateTimeOffset now)
    {
        var job = state.Jobs.GetValueOrDefault(e.Key);
        if (job is not { IsOver: false } || !IsTask(job, e.Part) || job.Task(e.Part).IsDone)
        {
            return Ignored(state, job, e.Key);
        }

        var task = job.Task(e.Part);
        bool isTheirs = task.Lease?.EvaluatorId == e.EvaluatorId;
        var next = task with { Lease = isTheirs ? null : task.Lease, Failures = task.Failures + 1, FailedBy = task.FailedBy.Add(e.EvaluatorId) };
        string what = $"{TaskName(job, e.Part)} of job {e.Key[..8]} failed at {e.Name}: {e.Reason.TrimEnd('.')}.";
        if (e.IsFinal || next.Failures >= state.Settings.MostFailures)
        {
            return GiveUp(state, job, e.IsFinal ? e.Reason : $"{TaskName(job, e.Part)} failed {next.Failures} times, last at {e.Name}: {e.Reason}");
        }

        return new QueueDecision(state.With(job.With(e.Part, next)), what) { Journal = [new FailureRecorded(e.Key, e.Part)] };
    }

    private static QueueDecision GiveUp(QueueState state, JobState job, string reason) =>
        Over(state, job with { Phase = JobPhase.Failed, Reason = reason }, $"{Name(job)} is given up: {reason}");

    private static QueueDecision Forget(QueueState state, PartsDamaged e)
    {
        var job = state.Jobs.GetValueOrDefault(e.Key);
        int[] lost = job is null or { IsOver: true } ? [] : [.. e.Parts.Where(i => i >= 0 && i < job.Parts.Length && job.Parts[i].IsDone)];
        return lost.Length == 0 ? Ignored(state, job, e.Key) : new QueueDecision(
            state.With(Without(job!, lost)),
            $"The statistics of {string.Join(", ", lost.Select(i => TaskName(job!, i)))} of job {e.Key[..8]} are damaged on this disk and measured again.")
        { Journal = [new PartsForgotten(e.Key, lost)] };
    }

    internal static JobState Without(JobState job, IEnumerable<int> parts)
    {
        var rest = parts.Where(i => i < job.Parts.Length).Aggregate(job, (j, i) => j.With(i, new TaskState()));
        return rest with { Phase = JobPhase.Measuring, Merge = new TaskState(), Numerics = rest.Parts.Any(p => p.IsDone) ? job.Numerics : "" };
    }
}
