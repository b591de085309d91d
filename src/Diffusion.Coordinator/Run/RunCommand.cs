namespace Diffusion.Coordinator.Run;

/// <summary>An effect that the rules ask for. Executed in order, after the decision's journal entries are written.</summary>
internal abstract record RunCommand;

/// <summary>Commands that go to a worker through its session.</summary>
internal abstract record SessionCommand(string WorkerId, long Session) : RunCommand;

internal sealed record SendStart(string WorkerId, long Session, GenerationPlan Plan) : SessionCommand(WorkerId, Session);

internal sealed record SendAbort(string WorkerId, long Session, long Generation, string Reason) : SessionCommand(WorkerId, Session);

internal sealed record SendPause(string WorkerId, long Session, long Generation, string Reason, bool Save) : SessionCommand(WorkerId, Session);

internal sealed record SendDismiss(string WorkerId, long Session, DismissalKind Kind, string Reason) : SessionCommand(WorkerId, Session);

/// <summary>Ends the stream once everything sent before is out.</summary>
internal sealed record CloseSession(string WorkerId, long Session) : SessionCommand(WorkerId, Session);

/// <summary>Members of a generation may exchange addresses; those of every other may not.</summary>
internal sealed record OpenRendezvous(long Generation) : RunCommand;

/// <summary>The generation is over: waiting for addresses in it is refused.</summary>
internal sealed record CloseRendezvous(long Generation) : RunCommand;

internal sealed record AppendMetrics(string Json) : RunCommand;

/// <summary>Who waited for whom when nothing went on, for the run's logs.</summary>
internal sealed record WriteHangReport(long Step, string Text) : RunCommand;

internal sealed record AddToCatalogue(SnapshotStored Snapshot) : RunCommand;

/// <summary>The run is over and the workers know it, or had their time.</summary>
internal sealed record AnnounceEnd(RunPhase Phase, string Reason) : RunCommand;

/// <summary>Why a worker is sent away.</summary>
internal enum DismissalKind
{
    Finished,
    Stopped,
    Removed,
    Failed,
}
