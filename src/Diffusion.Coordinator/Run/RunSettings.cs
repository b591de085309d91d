namespace Diffusion.Coordinator.Run;

/// <summary>What stays the same for as long as the coordinator runs.</summary>
internal sealed record RunSettings
{
    public required string RunId { get; init; }

    public required string RunDirectory { get; init; }

    /// <summary>Number V of data shards; no generation has more ranks.</summary>
    public required int Shards { get; init; }

    /// <summary>Global batch, in images.</summary>
    public required int BatchSize { get; init; }

    public required long DurationImages { get; init; }

    /// <summary>Workers awaited before the first generation.</summary>
    public int WorkersToStart { get; init; } = 1;

    /// <summary>Workers below which the run waits.</summary>
    public int MinimumWorkers { get; init; } = 1;

    public int MaximumWorkers { get; init; } = 64;

    /// <summary>Images after which this start of the run stops, saved; 0 for the run's end.</summary>
    public long SliceImages { get; init; }

    /// <summary>Whether shards may move between workers for speed: not where that changes the bits.</summary>
    public bool MovesShards { get; init; } = true;

    public RunTimeouts Timeouts { get; init; } = RunTimeouts.Scaled(1);
}
