namespace Diffusion.Coordinator.Run;

/// <summary>Why a caller is refused.</summary>
internal enum RefusalKind
{
    /// <summary>The caller must change something, or join again.</summary>
    Precondition,

    /// <summary>There is no room.</summary>
    Exhausted,
}

/// <summary>A refusal, for the caller alone; the run goes on.</summary>
internal sealed record Refusal(RefusalKind Kind, string Reason);

/// <summary>What follows from an event.</summary>
/// <param name="Next">The state after it.</param>
/// <param name="Journal">Entries to write before anything else happens.</param>
/// <param name="Commands">Effects, in order.</param>
/// <param name="Reason">One sentence or two for the log, the page and the failing test; empty when nothing changed that people care about.</param>
/// <param name="Refusal">The answer to a caller that is refused.</param>
internal sealed record Decision(RunState Next, IReadOnlyList<JournalEntry> Journal, IReadOnlyList<RunCommand> Commands, string Reason, Refusal? Refusal);
