using Diffusion.Snapshots.Scores;

namespace Diffusion.Serving.Evaluations;

/// <summary>A job as others see it.</summary>
/// <param name="Key">Its digest.</param>
/// <param name="Job">What is measured, with the run and the snapshot time that the server found.</param>
/// <param name="Phase">Where it stands.</param>
/// <param name="SeedsDone">Seeds whose statistics are safe.</param>
/// <param name="SeedsInWork">Seeds beyond these that evaluators say they have done.</param>
/// <param name="Evaluators">Names of those at work on it.</param>
/// <param name="Scores">Its scores, when it is done.</param>
/// <param name="Remarks">What limits their meaning, as sentences.</param>
/// <param name="Reason">Why it failed; empty otherwise.</param>
public sealed record JobReport(
    string Key, EvaluationJob Job, JobPhase Phase, int SeedsDone, int SeedsInWork, IReadOnlyList<string> Evaluators, IReadOnlyList<Score> Scores, IReadOnlyList<string> Remarks, string Reason)
{
    /// <summary>Whether nothing more will happen to it.</summary>
    public bool IsOver => Phase is JobPhase.Done or JobPhase.Failed or JobPhase.Cancelled;

    internal static JobReport Of(JobState job)
    {
        var parts = job.Job.Parts;
        var tasks = job.Parts.Append(job.Merge).ToList();
        return new JobReport(
            job.Key,
            job.Job,
            job.Phase,
            job.Phase == JobPhase.Done ? job.Job.Count : Enumerable.Range(0, parts.Count).Where(i => job.Parts[i].IsDone).Sum(i => parts[i].Count),
            job.Parts.Sum(p => p.Lease?.SeedsDone ?? 0),
            [.. tasks.Select(t => t.Lease?.Name).OfType<string>().Distinct().Order(StringComparer.Ordinal)],
            job.Scores,
            job.Remarks,
            job.Reason);
    }
}

/// <summary>A task that an evaluator was given.</summary>
/// <param name="Key">The job.</param>
/// <param name="Job">What is measured.</param>
/// <param name="Part">Which task of it.</param>
/// <param name="Seeds">Seeds of the part; all of the job for the last step.</param>
/// <param name="Lease">Renew before this long.</param>
/// <param name="Statistics">For the last step: digests of the statistics of all parts, in their order. Empty for a part.</param>
public sealed record EvaluationTask(string Key, EvaluationJob Job, int Part, SeedRange Seeds, TimeSpan Lease, IReadOnlyList<string> Statistics)
{
    /// <summary>Whether it is the last step.</summary>
    public bool IsMerge => Statistics.Count > 0;

    internal static EvaluationTask Of(JobState job, int index, TimeSpan lease) => index == job.MergeIndex
        ? new EvaluationTask(job.Key, job.Job, index, new SeedRange(job.Job.FirstSeed, job.Job.Count), lease, [.. job.Parts.Select(p => p.Digest)])
        : new EvaluationTask(job.Key, job.Job, index, job.Job.Parts[index], lease, []);
}

/// <summary>The answer to an evaluator that wants work.</summary>
/// <param name="Task">What to do; null when there is nothing.</param>
/// <param name="Reason">Why there is nothing.</param>
/// <param name="AllOver">Whether everything that was submitted is over.</param>
public sealed record LeaseAnswer(EvaluationTask? Task, string Reason, bool AllOver);
