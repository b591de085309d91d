using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

/// <summary>Everything the coordinator knows about its run. Changed by <see cref="RunRules"/> alone.</summary>
internal sealed record RunState
{
    public required RunSettings Settings { get; init; }

    /// <summary>Grows with each start of the coordinator.</summary>
    public long Epoch { get; init; } = 1;

    public RunPhase Phase { get; init; } = RunPhase.Waiting;

    /// <summary>The sentence that explains the phase.</summary>
    public string Reason { get; init; } = "No worker has joined yet.";

    /// <summary>What every worker must be equal in; the first worker's. Null before it.</summary>
    public ImmutableSortedDictionary<string, string>? Fingerprint { get; init; }

    /// <summary>Highest generation number ever used.</summary>
    public long Generation { get; init; }

    public GenerationState? Current { get; init; }

    /// <summary>This coordinator process has had a generation, so that the number of workers to start with no longer matters.</summary>
    public bool Started { get; init; }

    public ImmutableSortedDictionary<string, WorkerState> Workers { get; init; } = ImmutableSortedDictionary.Create<string, WorkerState>(StringComparer.Ordinal);

    /// <summary>Workers that were declared lost or dismissed, with the reason they are told when they come back.</summary>
    public ImmutableDictionary<string, string> Removed { get; init; } = ImmutableDictionary.Create<string, string>(StringComparer.Ordinal);

    public long NextOrder { get; init; }

    public long ImagesSeen { get; init; }

    /// <summary>Images at which this start stops; null before its first step and without a slice.</summary>
    public long? SliceEnd { get; init; }

    /// <summary><see cref="ImagesSeen"/> as last journalled.</summary>
    public long JournalledImages { get; init; }

    public DateTimeOffset JournalledAt { get; init; }

    public double Loss { get; init; } = double.NaN;

    public double LearningRate { get; init; }

    /// <summary>Seconds per step of the last progress reports, for the usual length of a step.</summary>
    public ImmutableQueue<double> StepSeconds { get; init; } = [];

    public TimeSpan? MedianStep { get; init; }

    /// <summary>Generations in a row that ended without a step and without a lost member.</summary>
    public int FailuresInARow { get; init; }

    /// <summary>No generation before this time: failures in a row are answered with growing patience.</summary>
    public DateTimeOffset NotBefore { get; init; }

    /// <summary>Why the next generation spreads the shards anew; null when it is formed for another reason.</summary>
    public string? Rebalancing { get; init; }

    /// <summary>No shards move for speed before this time.</summary>
    public DateTimeOffset NoMoveBefore { get; init; }

    /// <summary>Step at which a checkpoint was asked for because the run cannot go on; not asked twice.</summary>
    public long SaveTriedStep { get; init; } = -1;

    /// <summary>When the last hang was reported; its alarm stands for a while after it.</summary>
    public DateTimeOffset? HangAt { get; init; }

    /// <summary>Standing alarms by what they are about.</summary>
    public ImmutableSortedDictionary<string, string> Alarms { get; init; } = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    public long Snapshots { get; init; }

    public long LastSnapshotImages { get; init; }

    public long LastCheckpointImages { get; init; }

    /// <summary>Images of the last line of metrics; older lines repeat steps that were already told.</summary>
    public long LastMetricsImages { get; init; } = -1;

    public DateTimeOffset LastTick { get; init; }

    /// <summary>When the run ended; workers have a little time to leave.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>The end was announced to the server.</summary>
    public bool Announced { get; init; }

    public bool IsOver => Phase is RunPhase.Finished or RunPhase.Stopped or RunPhase.Failed;

    /// <summary>Members of the current generation that have not come out of it.</summary>
    public IEnumerable<WorkerState> Outstanding => Current is { } current
        ? Workers.Values.Where(worker => worker.InGeneration && worker.Generation == current.Number)
        : [];

    public RunState With(WorkerState worker) => this with { Workers = Workers.SetItem(worker.Id, worker) };
}
