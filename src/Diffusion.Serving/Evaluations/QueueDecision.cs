using Diffusion.Snapshots.Scores;

namespace Diffusion.Serving.Evaluations;

/// <summary>What survives a restart.</summary>
internal abstract record QueueEntry(string Key);

/// <summary>A job came in, or an old one goes on.</summary>
internal sealed record JobQueued(string Key, EvaluationJob Job) : QueueEntry(Key);

internal sealed record PartRecorded(string Key, int Part, string Numerics, string Digest) : QueueEntry(Key);

internal sealed record PartsForgotten(string Key, IReadOnlyList<int> Parts) : QueueEntry(Key);

internal sealed record FailureRecorded(string Key, int Part) : QueueEntry(Key);

internal sealed record JobEnded(string Key, JobPhase Phase, string Reason, IReadOnlyList<Score> Scores, IReadOnlyList<string> Remarks) : QueueEntry(Key);

/// <summary>What the shell is to do.</summary>
internal abstract record QueueCommand;

/// <summary>The answer to who wanted work.</summary>
internal sealed record GrantTask(string Key, int Part) : QueueCommand;

/// <summary>Before anything else: scores are the purpose of it all.</summary>
internal sealed record KeepScores(IReadOnlyList<Score> Scores) : QueueCommand;

/// <summary>All sums of an external metric are there; adding them up needs no evaluator.</summary>
internal sealed record AddSums(string Key) : QueueCommand;

/// <summary>A job is over; statistics that no other job needs may go.</summary>
internal sealed record RemoveStatistics(IReadOnlyList<string> Digests) : QueueCommand;

/// <summary>What a rule decided. <see cref="Reason"/> is the sentence for log and answer.</summary>
internal sealed record QueueDecision(QueueState Next, string Reason = "")
{
    public IReadOnlyList<QueueEntry> Journal { get; init; } = [];

    public IReadOnlyList<QueueCommand> Commands { get; init; } = [];

    /// <summary>Whether the event was taken for what it said; otherwise <see cref="Reason"/> says why not.</summary>
    public bool Accepted { get; init; } = true;

    /// <summary>Whether there is no such job.</summary>
    public bool IsUnknown { get; init; }
}
