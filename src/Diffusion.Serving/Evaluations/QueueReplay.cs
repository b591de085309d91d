namespace Diffusion.Serving.Evaluations;

/// <summary>The queue as its journal tells it, and a journal that tells no more than is needed.</summary>
internal static class QueueReplay
{
    /// <summary>Leases and evaluators are not in it: who still works says so when it renews.</summary>
    public static QueueState Restore(QueueSettings settings, IEnumerable<QueueEntry> entries) =>
        entries.Aggregate(new QueueState { Settings = settings }, Apply);

    /// <summary>The shortest journal of a state.</summary>
    public static IEnumerable<QueueEntry> Entries(QueueState state)
    {
        foreach (var job in state.InOrder)
        {
            yield return new JobQueued(job.Key, job.Job);
            for (int i = 0; i < job.Parts.Length; i++)
            {
                if (job.Parts[i].IsDone)
                {
                    yield return new PartRecorded(job.Key, i, job.Numerics, job.Parts[i].Digest);
                }
            }

            for (int i = 0; i <= job.MergeIndex; i++)
            {
                for (int failure = 0; failure < job.Task(i).Failures; failure++)
                {
                    yield return new FailureRecorded(job.Key, i);
                }
            }

            if (job.IsOver)
            {
                yield return new JobEnded(job.Key, job.Phase, job.Reason, job.Scores, job.Remarks);
            }
        }
    }

    private static QueueState Apply(QueueState state, QueueEntry entry)
    {
        if (entry is JobQueued queued)
        {
            return state.With(state.Jobs.TryGetValue(queued.Key, out var before) ? EvaluationRules.Reopened(before) : JobState.Of(queued.Job));
        }

        return state.Jobs.TryGetValue(entry.Key, out var job) ? state.With(Apply(job, entry)) : state;
    }

    private static JobState Apply(JobState job, QueueEntry entry)
    {
        switch (entry)
        {
            case PartRecorded e when e.Part < job.Parts.Length:
                var recorded = job.With(e.Part, new TaskState { Digest = e.Digest }) with { Numerics = e.Numerics };
                return recorded with { Phase = recorded.Parts.All(p => p.IsDone) ? JobPhase.Merging : job.Phase };
            case PartsForgotten e:
                return EvaluationRules.Without(job, e.Parts);
            case FailureRecorded e when e.Part <= job.MergeIndex:
                return job.With(e.Part, job.Task(e.Part) with { Failures = job.Task(e.Part).Failures + 1 });
            case JobEnded e:
                return EvaluationRules.Closed(job with { Phase = e.Phase, Reason = e.Reason, Scores = e.Scores, Remarks = e.Remarks });
            default:
                return job;
        }
    }
}
