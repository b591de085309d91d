using System.Collections.Immutable;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Serving.Evaluations;

/// <summary>Where a job stands.</summary>
public enum JobPhase
{
    /// <summary>Parts are open or being measured.</summary>
    Measuring,

    /// <summary>All parts are there and are being turned into numbers.</summary>
    Merging,

    /// <summary>Its scores are in the run's catalogue.</summary>
    Done,

    /// <summary>It was given up; the reason says why.</summary>
    Failed,

    /// <summary>Nobody wants it any more.</summary>
    Cancelled,
}

/// <summary>How patient the queue is.</summary>
public sealed record QueueSettings
{
    /// <summary>How long an evaluator may be silent before its task goes to another.</summary>
    /// <value>10 s.</value>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Failures of one task that fail its job.</summary>
    /// <value>3.</value>
    public int MostFailures { get; init; } = 3;

    /// <summary>Evaluators that may vanish over one task before it is taken for the cause.</summary>
    /// <value>10.</value>
    public int MostVanished { get; init; } = 10;

    /// <summary>How long a job waits for an evaluator of the kind that began it, before one of another kind measures it anew.</summary>
    /// <value>10 min.</value>
    public TimeSpan SameKind { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>Who works on a task, and until when without another word.</summary>
internal sealed record TaskLease(string EvaluatorId, string Name, DateTimeOffset Until, int SeedsDone);

/// <summary>A part of a job, or its last step.</summary>
internal sealed record TaskState
{
    public TaskLease? Lease { get; init; }

    /// <summary>SHA-256 of its statistics; empty before they are there.</summary>
    public string Digest { get; init; } = "";

    public int Failures { get; init; }

    public int Vanished { get; init; }

    /// <summary>Evaluators that failed at it: others come first.</summary>
    public ImmutableHashSet<string> FailedBy { get; init; } = [];

    public bool IsDone => Digest.Length > 0;
}

/// <summary>A job and how far it is.</summary>
internal sealed record JobState(string Key, EvaluationJob Job)
{
    public JobPhase Phase { get; init; } = JobPhase.Measuring;

    public required ImmutableArray<TaskState> Parts { get; init; }

    /// <summary>The last step, in which all parts become numbers.</summary>
    public TaskState Merge { get; init; } = new();

    /// <summary>What kind of evaluator measures it; empty before the first part is there.</summary>
    public string Numerics { get; init; } = "";

    public IReadOnlyList<Score> Scores { get; init; } = [];

    public IReadOnlyList<string> Remarks { get; init; } = [];

    public string Reason { get; init; } = "";

    public bool IsOver => Phase is JobPhase.Done or JobPhase.Failed or JobPhase.Cancelled;

    /// <summary>Number of the last step, as a task.</summary>
    public int MergeIndex => Parts.Length;

    public TaskState Task(int index) => index == MergeIndex ? Merge : Parts[index];

    public JobState With(int index, TaskState task) => index == MergeIndex ? this with { Merge = task } : this with { Parts = Parts.SetItem(index, task) };

    public static JobState Of(EvaluationJob job) => new(job.Key, job) { Parts = [.. job.Parts.Select(_ => new TaskState())] };
}

/// <summary>An evaluator that asked for work.</summary>
internal sealed record EvaluatorState(string Name, EvaluatorAbilities Abilities, DateTimeOffset LastHeard);

/// <summary>What an evaluator can do.</summary>
internal sealed record EvaluatorAbilities(string Numerics, ImmutableHashSet<string> Metrics, ImmutableHashSet<string> Trusted);

/// <summary>Everything the queue of one run knows.</summary>
internal sealed record QueueState
{
    public required QueueSettings Settings { get; init; }

    /// <summary>In the order they were submitted.</summary>
    public ImmutableList<string> Order { get; init; } = [];

    public ImmutableDictionary<string, JobState> Jobs { get; init; } = ImmutableDictionary<string, JobState>.Empty;

    public ImmutableDictionary<string, EvaluatorState> Evaluators { get; init; } = ImmutableDictionary<string, EvaluatorState>.Empty;

    public IEnumerable<JobState> InOrder => Order.Select(key => Jobs[key]);

    public QueueState With(JobState job) => this with { Jobs = Jobs.SetItem(job.Key, job), Order = Jobs.ContainsKey(job.Key) ? Order : Order.Add(job.Key) };
}
