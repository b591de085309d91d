using System.Collections.Immutable;
using System.Globalization;
using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Tests.Run;

/// <summary>A run told event by event: keeps the state, the time, and everything that was decided.</summary>
internal sealed class Scenario
{
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private long sessions;

    public Scenario(int shards = 8, int workersToStart = 1, int minimumWorkers = 1, int maximumWorkers = 64, long steps = 100, long sliceImages = 0)
    {
        Settings = new RunSettings
        {
            RunId = "run",
            RunDirectory = "/runs/run",
            Shards = shards,
            BatchSize = 8,
            DurationImages = 8 * steps,
            WorkersToStart = workersToStart,
            MinimumWorkers = minimumWorkers,
            MaximumWorkers = maximumWorkers,
            SliceImages = sliceImages,
        };
        State = RunReplay.Restore(Settings, [], Now);
    }

    public RunSettings Settings { get; private set; }

    /// <summary>Whether the bits depend on who computes what.</summary>
    public bool Fast
    {
        init
        {
            Settings = Settings with { MovesShards = !value };
            State = State with { Settings = Settings };
        }
    }

    public RunState State { get; set; }

    public DateTimeOffset Now { get; private set; } = Start;

    public List<JournalEntry> Journal { get; } = [];

    public List<RunCommand> Commands { get; } = [];

    /// <summary>Commands of the last decision.</summary>
    public IReadOnlyList<RunCommand> LastCommands { get; private set; } = [];

    /// <summary>Everything said so far, for messages of failing tests.</summary>
    public string Story { get; private set; } = "";

    public Decision Do(RunEvent happened)
    {
        var decision = RunRules.Decide(State, happened, Now);
        State = decision.Next;
        Journal.AddRange(decision.Journal);
        Commands.AddRange(decision.Commands);
        LastCommands = decision.Commands;
        if (decision.Reason.Length > 0)
        {
            Story += string.Create(CultureInfo.InvariantCulture, $"{(Now - Start).TotalSeconds:0.0} s: {decision.Reason}\n");
        }

        return decision;
    }

    /// <summary>Lets time pass in small ticks, with heartbeats of those named (all in session when null), and returns what all ticks decided.</summary>
    public string Pass(double seconds, params string[] silent)
    {
        string before = Story;
        for (var end = Now + TimeSpan.FromSeconds(seconds); Now < end;)
        {
            Now += TimeSpan.FromSeconds(0.1);
            foreach (var worker in State.Workers.Values.Where(worker => worker.InSession && !silent.Contains(worker.Id)).ToArray())
            {
                Do(new HeartbeatCame(worker.Id, 0, worker.Activity));
            }

            Do(new Ticked());
        }

        return Story[before.Length..];
    }

    public static ImmutableSortedDictionary<string, string> Fingerprint(string build = "1") =>
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal).Add("build", build).Add("libtorch", "1.13.1");

    public Decision Join(string id, int ranks = 1, bool sees = true, string build = "1", double share = 0) =>
        Do(new JoinAsked(id, id, Fingerprint(build), ranks, "127.0.0.1", sees, 1, share));

    public Decision Open(string id, long generation = 0) => Do(new SessionOpened(id, ++sessions, generation));

    public Decision Ready(string id, long step = -1, string? digest = null, bool finished = false) =>
        Do(new ReadySaid(id, State.Workers[id].Generation, step, digest ?? (step < 0 ? "" : $"d{step}"), finished ? "finished" : "paused", finished));

    public Decision Close(string id) => Do(new SessionClosed(id, State.Workers[id].Session, "its session stream broke."));

    /// <param name="shardSeconds">What this worker needs for one shard.</param>
    public Decision Progress(string id, long step, double shardSeconds = 0.01)
    {
        double own = shardSeconds * (State.Current?.Plan.Member(id)?.ShardCount ?? 1);
        return Do(new ProgressMade(id, State.Workers[id].Generation, step, step * 8, 1, Math.Max(0.1, own), own, 0, 0, 1, 0.01, 8));
    }

    /// <summary>Workers join, are ready, and the settling time passes.</summary>
    public Scenario Training(params string[] ids)
    {
        foreach (string id in ids)
        {
            Join(id);
            Open(id);
            Ready(id);
        }

        Pass(0.5);
        return this;
    }

    public bool Sent<T>(string id)
        where T : SessionCommand => LastCommands.OfType<T>().Any(command => command.WorkerId == id);
}
