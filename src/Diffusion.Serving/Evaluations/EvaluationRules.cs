using System.Collections.Immutable;
using System.Globalization;

namespace Diffusion.Serving.Evaluations;

/// <summary>
/// Every rule of the queue, without clocks, locks, files or sockets. The statistics of a part are the same whoever measures it, and the last step sees all parts
/// in their order: how many evaluators there are, and which of them die, leaves no trace in a score.
/// </summary>
internal static partial class EvaluationRules
{
    /// <summary>What follows from an event.</summary>
    public static QueueDecision Decide(QueueState state, QueueEvent happened, DateTimeOffset now)
    {
        // Whatever happens, who was silent for too long has lost its task first.
        var expired = Expire(state, now);
        var decision = happened switch
        {
            JobSubmitted e => Submit(expired.Next, e),
            JobCancelled e => Cancel(expired.Next, e),
            WorkWanted e => Lease(expired.Next, e, now),
            TaskRenewed e => Renew(expired.Next, e, now),
            PartMeasured e => Record(expired.Next, e, now),
            JobMerged e => Finish(expired.Next, e, now),
            TaskFailed e => Fail(expired.Next, e, now),
            TaskGivenBack e => GiveBack(expired.Next, e),
            PartsDamaged e => Forget(expired.Next, e),
            QueueTicked => new QueueDecision(expired.Next),
            _ => throw new ArgumentOutOfRangeException(nameof(happened), happened, "No rule knows this event."),
        };
        return expired.Reason.Length == 0 ? decision : decision with
        {
            Journal = [.. expired.Journal, .. decision.Journal],
            Commands = [.. expired.Commands, .. decision.Commands],
            Reason = decision.Reason.Length == 0 ? expired.Reason : $"{expired.Reason} {decision.Reason}",
        };
    }

    private static QueueDecision Submit(QueueState state, JobSubmitted e)
    {
        string key = e.Job.Key;
        var known = state.Jobs.GetValueOrDefault(key);
        if (known is { Phase: not (JobPhase.Failed or JobPhase.Cancelled) })
        {
            return new QueueDecision(state, $"{Name(known)} is here already.");
        }

        // One that failed goes on with the parts it has.
        var job = known is null ? JobState.Of(e.Job) : Reopened(known);
        if (e.Known.Count > 0)
        {
            var done = job with { Phase = JobPhase.Done, Scores = e.Known, Reason = "Its scores were in the run's catalogue." };
            return new QueueDecision(state.With(done), $"{Name(job)} is in the run's catalogue already.") { Journal = [new JobQueued(key, e.Job), Ended(done)] };
        }

        return Started(state, job) with { Journal = [new JobQueued(key, e.Job)], Reason = $"{Name(job)} is queued, {job.Parts.Length} parts." };
    }

    internal static JobState Reopened(JobState job) => job with
    {
        Phase = job.Parts.All(p => p.IsDone) ? JobPhase.Merging : JobPhase.Measuring,
        Parts = [.. job.Parts.Select(p => new TaskState { Digest = p.Digest })],
        Merge = new TaskState(),
        Numerics = job.Parts.Any(p => p.IsDone) ? job.Numerics : "",
        Reason = "",
    };

    private static QueueDecision Started(QueueState state, JobState job) =>
        new(state.With(job)) { Commands = job is { Phase: JobPhase.Merging, Job.IsExternal: true } ? [new AddSums(job.Key)] : [] };

    private static QueueDecision Cancel(QueueState state, JobCancelled e)
    {
        if (!state.Jobs.TryGetValue(e.Key, out var job) || job.IsOver)
        {
            return Ignored(state, job, e.Key);
        }

        return Over(state, job with { Phase = JobPhase.Cancelled, Reason = "It was cancelled." }, $"{Name(job)} is cancelled.");
    }

    /// <summary>The end of a job. Statistics of a failed one are kept: submitted again, it goes on with them.</summary>
    private static QueueDecision Over(QueueState state, JobState job, string reason)
    {
        string[] digests = job.Phase == JobPhase.Failed ? [] : [.. job.Parts.Select(p => p.Digest).Where(d => d.Length > 0).Except(StatisticsOfOthers(state, job.Key))];
        var over = Closed(job);
        return new QueueDecision(state.With(over), reason) { Journal = [Ended(over)], Commands = digests.Length > 0 ? [new RemoveStatistics(digests)] : [] };
    }

    internal static JobState Closed(JobState job)
    {
        bool keeps = job.Phase == JobPhase.Failed && job.Parts.Any(p => p.IsDone);
        return job with { Parts = [.. job.Parts.Select(p => new TaskState { Digest = keeps ? p.Digest : "" })], Merge = new TaskState(), Numerics = keeps ? job.Numerics : "" };
    }

    private static IEnumerable<string> StatisticsOfOthers(QueueState state, string key) =>
        state.Jobs.Values.Where(j => j.Key != key).SelectMany(j => j.Parts).Select(p => p.Digest);

    private static JobEnded Ended(JobState job) => new(job.Key, job.Phase, job.Reason, job.Scores, job.Remarks);

    private static QueueDecision Ignored(QueueState state, JobState? job, string key) => job is null
        ? new QueueDecision(state, $"There is no job {key}.") { Accepted = false, IsUnknown = true }
        : new QueueDecision(state, $"{Name(job)} is {job.Phase switch { JobPhase.Done => "done", JobPhase.Failed => "given up", JobPhase.Cancelled => "cancelled", _ => "at another step" }}.") { Accepted = false };

    internal static string Name(JobState job) => string.Create(CultureInfo.InvariantCulture,
        $"Job {job.Key[..8]} ({string.Join(',', job.Job.Metrics.Select(m => m.Name))} of length {job.Job.RelativeStd:0.####} at {job.Job.ImagesSeen} images, n = {job.Job.Count})");

    private static string TaskName(JobState job, int index)
    {
        if (index == job.MergeIndex)
        {
            return "the last step";
        }

        var seeds = job.Job.Parts[index];
        return string.Create(CultureInfo.InvariantCulture, $"part {index} (seeds {seeds.First} to {seeds.Last})");
    }
}
