namespace Diffusion.Worker;

/// <summary>How a worker is started.</summary>
public sealed record WorkerOptions
{
    /// <summary>Where the run's coordinator listens, HOST:PORT.</summary>
    public required string Coordinator { get; init; }

    /// <summary>Devices to train on, one rank each, as <see cref="Contracts.Configuration.DeviceList"/> reads them: <c>cpu:2</c> for two ranks on the processor.</summary>
    public string Devices { get; init; } = "auto";

    /// <summary>Where this box keeps the images; null for the path in the run's configuration if it is here, else they are fetched from the coordinator.</summary>
    public string? DataPath { get; init; }

    /// <summary>Where this box keeps packed and fetched images; null for the user's cache.</summary>
    public string? CacheDirectory { get; init; }

    /// <summary>Use nothing of the coordinator's disk although it may be in sight: everything goes over the network.</summary>
    public bool NoSharedDirectory { get; init; }

    /// <summary>Name for people; null for the host's.</summary>
    public string? Name { get; init; }

    /// <summary>Address other workers reach this one at; null for the one that routes to the coordinator.</summary>
    public string? DataAddress { get; init; }

    /// <summary>This worker's part of the shards relative to the others', who have 1 unless they say; null: by measured speed.</summary>
    public double? Share { get; init; }

    /// <summary>File to which every completed step's images are appended, a line a step; null for none. Ranks beyond the first add their number to the name.</summary>
    public string? ImageLog { get; init; }

    /// <summary>Factor on the waiting times until the coordinator has answered; from then on its own holds.</summary>
    public double TimeoutScale { get; init; } = 1;
}

/// <summary>Why a worker ended.</summary>
public enum WorkerEnd
{
    /// <summary>The run is finished.</summary>
    Finished,

    /// <summary>The run was stopped, saved.</summary>
    Stopped,

    /// <summary>This worker left the run as it was asked.</summary>
    Left,

    /// <summary>The coordinator did not take it.</summary>
    Refused,

    /// <summary>The run failed, here or elsewhere.</summary>
    Failed,

    /// <summary>The coordinator did not come back.</summary>
    CoordinatorLost,
}

/// <summary>The end of a worker.</summary>
/// <param name="End">Why it ended.</param>
/// <param name="Reason">One sentence.</param>
public sealed record WorkerExit(WorkerEnd End, string Reason);
