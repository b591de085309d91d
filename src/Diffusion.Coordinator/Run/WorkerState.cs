using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

/// <summary>What a worker is doing, as far as the rules care.</summary>
internal enum WorkerStage
{
    /// <summary>Joined; its session is not open yet.</summary>
    Joined,

    /// <summary>In session, getting ready.</summary>
    Preparing,

    /// <summary>Holds a whole state, waits for a generation.</summary>
    Ready,

    /// <summary>Was sent into <see cref="WorkerState.Generation"/> and has not come out of it.</summary>
    Training,

    /// <summary>Member of the generation that a restarted coordinator found in its journal; trains on, its session is not back yet.</summary>
    Detached,
}

/// <summary>What a worker says it is doing at this moment, from its heartbeats.</summary>
/// <param name="Phase">Phase in lower case: <c>compute</c>, <c>reduce</c>, ...</param>
/// <param name="Order">Place of the phase within a step; smaller lags behind.</param>
/// <param name="Step">The step it is in.</param>
/// <param name="Rank">The rank that does it: of a worker's ranks the one that lags most.</param>
/// <param name="IsExchanging">Whether it waits in an exchange with other ranks.</param>
/// <param name="Exchanges">Exchanges begun in this generation.</param>
/// <param name="Exchange">What it waits for, for people.</param>
/// <param name="IdleSeconds">Since its last event.</param>
internal sealed record WorkerActivity(
    string Phase, int Order, long Step, int Rank = -1, bool IsExchanging = false, long Exchanges = 0, string Exchange = "", double IdleSeconds = 0)
{
    /// <summary>Smaller lags behind: who waits in an exchange of a phase is further than who has not entered it.</summary>
    public (long Step, int Order, bool IsExchanging, long Exchanges) Progress => (Step, Order, IsExchanging, Exchanges);

    public static WorkerActivity Unknown { get; } = new("unknown", 0, -1);

    /// <summary>Files take what disk and network take; that is no hang.</summary>
    public bool IsSaving => Phase is "saving" or "restoring";
}

/// <summary>One worker as the coordinator knows it.</summary>
internal sealed record WorkerState
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Place in the order of joining.</summary>
    public required long Order { get; init; }

    public required int Ranks { get; init; }

    public required string DataAddress { get; init; }

    public required bool SeesRunDirectory { get; init; }

    public int ProcessId { get; init; }

    public WorkerStage Stage { get; init; } = WorkerStage.Joined;

    /// <summary>When <see cref="Stage"/> was entered.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Number of the open session; 0 without one.</summary>
    public long Session { get; init; }

    /// <summary>Last generation it was sent into; 0 before the first.</summary>
    public long Generation { get; init; }

    /// <summary>Steps whose update it holds; -1 without state.</summary>
    public long CompletedStep { get; init; } = -1;

    /// <summary>Digest of the state at <see cref="CompletedStep"/>, as of its last Ready.</summary>
    public string Digest { get; init; } = "";

    /// <summary>Its last generation ended with the run's last step.</summary>
    public bool Finished { get; init; }

    /// <summary>Why it wants to leave; null when it does not.</summary>
    public string? Leaving { get; init; }

    public required DateTimeOffset LastHeard { get; init; }

    /// <summary>Silent for longer than it should be, not yet lost.</summary>
    public bool Suspect { get; init; }

    public WorkerActivity Activity { get; init; } = WorkerActivity.Unknown;

    public ImmutableQueue<ProgressSample> Samples { get; init; } = [];

    /// <summary>Part of the shards relative to the others', set by hand; 0 when it goes by what is measured.</summary>
    public double Share { get; init; }

    /// <summary>Its speed in this generation; null before the first report, which is left out because caches are cold.</summary>
    public WorkerPace? Pace { get; init; }

    /// <summary>Seconds that one of its ranks takes for one shard, as last measured; 0 before.</summary>
    public double ShardSeconds { get; init; }

    public bool InSession => Session != 0;

    /// <summary>Sent into a generation and not out of it.</summary>
    public bool InGeneration => Stage is WorkerStage.Training or WorkerStage.Detached;
}

/// <summary>Work of one worker over a fraction of a second, for rates.</summary>
internal readonly record struct ProgressSample(DateTimeOffset At, int Steps, long OwnImages, double Seconds, double ComputeSeconds, double DataWaitSeconds, double GradientWaitSeconds);
