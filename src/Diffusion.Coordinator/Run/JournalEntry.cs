using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

/// <summary>A fact that a restarted coordinator needs. Replayed by <see cref="RunReplay"/>.</summary>
internal abstract record JournalEntry;

internal sealed record RunCreated(string RunId, string ConfigDigest) : JournalEntry;

internal sealed record CoordinatorStarted(long Epoch) : JournalEntry;

internal sealed record FingerprintFixed(ImmutableSortedDictionary<string, string> Fingerprint) : JournalEntry;

/// <summary>Enough of a member to know it again after a restart of the coordinator.</summary>
internal sealed record MemberRecord(string WorkerId, string Name, long Order, int Ranks, string DataAddress, bool SeesRunDirectory, int ProcessId, double Share);

internal sealed record GenerationFormed(GenerationPlan Plan, ImmutableArray<MemberRecord> Members) : JournalEntry;

internal sealed record GenerationOver(long Number, long CompletedStep, string Reason) : JournalEntry;

internal sealed record WorkerGone(string WorkerId, string Name, string Reason) : JournalEntry;

internal sealed record SnapshotRecorded(long ImagesSeen, double RelativeStd, string FileName, long Bytes, string Sha256) : JournalEntry;

internal sealed record CheckpointRecorded(long ImagesSeen, string Name, long Bytes) : JournalEntry;

internal sealed record ImagesCounted(long ImagesSeen) : JournalEntry;

internal sealed record RunOver(RunPhase Phase, string Reason) : JournalEntry;
