namespace Diffusion.Coordinator.Run;

/// <summary>A decision in the making. The rules stay pure: a draft lives for one call.</summary>
internal sealed class Draft(RunState state, DateTimeOffset now)
{
    private readonly List<JournalEntry> journal = [];
    private readonly List<RunCommand> commands = [];
    private readonly List<string> reasons = [];
    private Refusal? refusal;

    public RunState State { get; set; } = state;

    public DateTimeOffset Now => now;

    public RunTimeouts Timeouts => State.Settings.Timeouts;

    public void Record(JournalEntry entry) => journal.Add(entry);

    public void Command(RunCommand command) => commands.Add(command);

    public void Say(string reason) => reasons.Add(reason);

    public void Refuse(RefusalKind kind, string reason)
    {
        refusal = new Refusal(kind, reason);
        Say(reason);
    }

    public void Update(WorkerState worker) => State = State.With(worker);

    public void Alarm(string about, string? text) => State = State with
    {
        Alarms = text is null ? State.Alarms.Remove(about) : State.Alarms.SetItem(about, text),
    };

    /// <summary>Sets phase and sentence, and says the sentence if it is new.</summary>
    public void Enter(RunPhase phase, string reason)
    {
        if (State.Phase != phase || State.Reason != reason)
        {
            State = State with { Phase = phase, Reason = reason };
            if (!reasons.Contains(reason))
            {
                Say(reason);
            }
        }
    }

    public Decision Done() => new(State, journal, commands, string.Join(' ', reasons), refusal);
}
