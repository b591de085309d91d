using Diffusion.Snapshots.Scores;

namespace Diffusion.Serving.Evaluations;

/// <summary>What happens to the queue.</summary>
internal abstract record QueueEvent;

/// <summary>Somebody wants a measurement. <paramref name="Known"/>: its scores, where the catalogue has all of them.</summary>
internal sealed record JobSubmitted(EvaluationJob Job, IReadOnlyList<Score> Known) : QueueEvent;

internal sealed record JobCancelled(string Key) : QueueEvent;

internal sealed record WorkWanted(string EvaluatorId, string Name, EvaluatorAbilities Abilities) : QueueEvent;

internal sealed record TaskRenewed(string EvaluatorId, string Name, string Key, int Part, int SeedsDone) : QueueEvent;

/// <summary>The statistics of a part are safe on the disk.</summary>
internal sealed record PartMeasured(string EvaluatorId, string Name, string Key, int Part, string Numerics, string Digest) : QueueEvent;

internal sealed record JobMerged(string EvaluatorId, string Name, string Key, IReadOnlyList<Score> Scores, IReadOnlyList<string> Remarks) : QueueEvent;

internal sealed record TaskFailed(string EvaluatorId, string Name, string Key, int Part, string Reason, bool IsFinal) : QueueEvent;

internal sealed record TaskGivenBack(string EvaluatorId, string Key, int Part) : QueueEvent;

/// <summary>The disk does not hold them as they were reported.</summary>
internal sealed record PartsDamaged(string Key, IReadOnlyList<int> Parts) : QueueEvent;

internal sealed record QueueTicked : QueueEvent;
