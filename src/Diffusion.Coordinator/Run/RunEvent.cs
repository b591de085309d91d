using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

/// <summary>Something that happened. Turned into state and commands by <see cref="RunRules.Decide"/>.</summary>
internal abstract record RunEvent;

/// <summary>Time passed.</summary>
internal sealed record Ticked : RunEvent;

/// <summary>Somebody asks the run to save and end.</summary>
internal sealed record StopRequested(string Reason) : RunEvent;

/// <summary>The process of a member that is expected back has ended: it ran on this box, where that can be seen.</summary>
internal sealed record MemberEnded(string WorkerId) : RunEvent;

/// <summary>Events that a worker caused.</summary>
/// <param name="WorkerId">The worker.</param>
internal abstract record WorkerEvent(string WorkerId) : RunEvent;

/// <param name="Share">Its part of the shards relative to the others', set by hand; 0 as measured.</param>
internal sealed record JoinAsked(string WorkerId, string Name, ImmutableSortedDictionary<string, string> Fingerprint, int Ranks, string DataAddress, bool SeesRunDirectory, int ProcessId, double Share = 0)
    : WorkerEvent(WorkerId);

/// <param name="Session">Number of the stream, unique in this process.</param>
/// <param name="Generation">The generation the worker is in, or was in last; 0 when it comes fresh from Join.</param>
internal sealed record SessionOpened(string WorkerId, long Session, long Generation) : WorkerEvent(WorkerId);

internal sealed record SessionClosed(string WorkerId, long Session, string Reason) : WorkerEvent(WorkerId);

/// <summary>Events that belong to a generation; those of older ones are refused.</summary>
/// <param name="Generation">0 outside of one.</param>
internal abstract record GenerationEvent(string WorkerId, long Generation) : WorkerEvent(WorkerId);

internal sealed record ReadySaid(string WorkerId, long Generation, long CompletedStep, string Digest, string Reason, bool Finished) : GenerationEvent(WorkerId, Generation);

internal sealed record HeartbeatCame(string WorkerId, long Generation, WorkerActivity Activity) : GenerationEvent(WorkerId, Generation);

internal sealed record ProgressMade(
    string WorkerId, long Generation, long CompletedStep, long ImagesSeen, int Steps, double Seconds, double ComputeSeconds, double DataWaitSeconds, double GradientWaitSeconds,
    double Loss, double LearningRate, long OwnImages) : GenerationEvent(WorkerId, Generation);

internal sealed record CollectiveBroke(string WorkerId, long Generation, string Reason, int PeerRank, long Step, string Detail, bool TimedOut = false) : GenerationEvent(WorkerId, Generation)
{
    /// <summary><see cref="Detail"/> of a worker that did not reach the others when the generation began.</summary>
    public const string Connecting = "connecting";
}

internal sealed record SnapshotStored(string WorkerId, long ImagesSeen, double RelativeStd, string FileName, long Bytes, string Sha256) : WorkerEvent(WorkerId);

internal sealed record CheckpointStored(string WorkerId, long ImagesSeen, string Name, long Bytes, double Seconds) : WorkerEvent(WorkerId);

internal sealed record SaveBroke(string WorkerId, long ImagesSeen, string What, string Reason) : WorkerEvent(WorkerId);

internal sealed record LeaveAsked(string WorkerId, string Reason) : WorkerEvent(WorkerId);

internal sealed record MetricsReported(string WorkerId, long ImagesSeen, string Json) : WorkerEvent(WorkerId);

internal sealed record WorkerBroke(string WorkerId, string Reason) : WorkerEvent(WorkerId);
