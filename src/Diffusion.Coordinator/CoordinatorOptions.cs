using System.Net;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Coordinator;

/// <summary>How a coordinator is started.</summary>
public sealed record CoordinatorOptions
{
    /// <summary>What is trained.</summary>
    public required RunConfig Config { get; init; }

    /// <summary>Where everything about the run is kept; created where it does not exist.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>Address to listen on.</summary>
    /// <value>Loopback: only workers of this box.</value>
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    /// <summary>Port to listen on; null for the one of the last start if it is free, else any free one.</summary>
    public int? Port { get; init; }

    /// <summary>Port for plain HTTP; 0 for a free one, null for none.</summary>
    /// <value>A free one.</value>
    public int? HttpPort { get; init; } = 0;

    /// <summary>Bytes of reconstructed weights to keep in the run's directory for those who ask again.</summary>
    /// <value>10 GB.</value>
    public long ServedCacheBytes { get; init; } = 10_000_000_000;

    /// <summary>Workers awaited before the first generation.</summary>
    public int WorkersToStart { get; init; } = 1;

    /// <summary>Workers below which the run waits.</summary>
    public int MinimumWorkers { get; init; } = 1;

    /// <summary>Workers above which none may join.</summary>
    public int MaximumWorkers { get; init; } = 64;

    /// <summary>Images after which this start stops, saved, to be continued by another; 0 to train to the end.</summary>
    public long SliceImages { get; init; }

    /// <summary>Factor on all timeouts of the run.</summary>
    public double TimeoutScale { get; init; } = 1;

    /// <summary>Where packed images are kept, for workers that have none of their own; null for the user's cache.</summary>
    public string? DataCacheDirectory { get; init; }

    internal IEnumerable<string> Problems()
    {
        if (TimeoutScale is not (>= 0.1 and <= 1000))
        {
            yield return FormattableString.Invariant($"The timeout scale is {TimeoutScale}; it must be in 0.1...1000. 1 suits one room, 4 busy or far boxes.");
        }

        else
        {
            foreach (string problem in Run.RunTimeouts.Scaled(TimeoutScale).Problems())
            {
                yield return problem;
            }
        }

        if (MinimumWorkers < 1)
        {
            yield return $"The minimum of workers is {MinimumWorkers}; at least 1.";
        }

        if (WorkersToStart < MinimumWorkers)
        {
            yield return $"The run starts with {WorkersToStart} workers but needs {MinimumWorkers} to go on; start with at least {MinimumWorkers}.";
        }

        if (MaximumWorkers < WorkersToStart)
        {
            yield return $"At most {MaximumWorkers} workers may join, but {WorkersToStart} are awaited; raise the maximum.";
        }

        if (MinimumWorkers > Config.Shards)
        {
            yield return $"{MinimumWorkers} workers are needed, but the run has {Config.Shards} shards, and a worker without a shard has no work. Raise shards in the configuration, or need fewer workers.";
        }

        if (SliceImages < 0 || SliceImages % Config.Training.BatchSize != 0)
        {
            yield return $"The slice is {SliceImages} images; it must be a multiple of the batch of {Config.Training.BatchSize}, or 0 to train to the end.";
        }

        if (Port is < 1 or > 65535)
        {
            yield return $"Port {Port} does not exist; 1 to 65535, or none for a free one.";
        }

        if (HttpPort is < 0 or > 65535)
        {
            yield return $"HTTP port {HttpPort} does not exist; 1 to 65535, or 0 for a free one.";
        }

        foreach (string problem in Config.Problems())
        {
            yield return problem;
        }
    }
}
