using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Library;

/// <summary>Which weights somebody wants.</summary>
/// <param name="Run">Name or id of the run; empty where only one is served.</param>
/// <param name="RelativeStd">Length σ_rel, in (0, 0.289).</param>
/// <param name="ImagesSeen">Training time, that of a snapshot; the latest when null.</param>
/// <param name="ElementType">Float16 or Float32.</param>
public sealed record WeightsQuery(string Run, double RelativeStd, long? ImagesSeen = null, ElementType ElementType = ElementType.Float16);

/// <summary>A run whose snapshots are served.</summary>
/// <param name="Name">Name of its directory; what requests call it.</param>
/// <param name="RunId">Its unique id, which requests may use as well; empty before the first snapshot.</param>
/// <param name="SnapshotCount">Training times at which snapshots were taken.</param>
/// <param name="LatestImagesSeen">The latest of them, in images; −1 where there is none yet.</param>
/// <param name="TrackedLengths">Lengths σ_rel stored at any of them.</param>
public sealed record ServedRun(string Name, string RunId, int SnapshotCount, long LatestImagesSeen, IReadOnlyList<double> TrackedLengths);

/// <summary>The snapshots of a run at one training time.</summary>
/// <param name="ImagesSeen">Training time, in images.</param>
/// <param name="Tracked">The averages stored then, by length.</param>
public sealed record SnapshotTime(long ImagesSeen, IReadOnlyList<StoredAverage> Tracked);

/// <summary>An average that training stored.</summary>
/// <param name="RelativeStd">Length σ_rel.</param>
/// <param name="ElementType">Type of its weights.</param>
/// <param name="Bytes">Size of its file.</param>
/// <param name="ContentId">Digest that identifies every byte of the file; see <see cref="ContentDigest.ContentId"/>.</param>
public sealed record StoredAverage(double RelativeStd, ElementType ElementType, long Bytes, string ContentId);

/// <summary>What is served of a run.</summary>
/// <param name="Times">Snapshots by training time, the earliest first.</param>
/// <param name="Refused">Files in its folder that are not served, with the reason.</param>
public sealed record SnapshotList(IReadOnlyList<SnapshotTime> Times, IReadOnlyList<string> Refused);

/// <summary>What a query would be answered with.</summary>
public sealed record WeightsDescription
{
    /// <summary>Name of the run.</summary>
    public required string Run { get; init; }

    /// <summary>Its unique id.</summary>
    public required string RunId { get; init; }

    /// <summary>Training time, in images.</summary>
    public required long ImagesSeen { get; init; }

    /// <summary>Length σ_rel.</summary>
    public required double RelativeStd { get; init; }

    /// <summary>Shape of the averaging profile.</summary>
    public required string Profile { get; init; }

    /// <summary>Type of the weights.</summary>
    public required ElementType ElementType { get; init; }

    /// <summary>Whether training stored this length at this time; otherwise it is reconstructed.</summary>
    public required bool IsTracked { get; init; }

    /// <summary>Snapshots it is made of.</summary>
    public required int InputCount { get; init; }

    /// <summary>‖asked − attained‖ / ‖asked‖ of the averaging profile; 0 for tracked lengths.</summary>
    public required double ExpectedError { get; init; }

    /// <summary>How much rounding errors of the inputs grow in it.</summary>
    public required double NoiseGain { get; init; }

    /// <summary>A sentence when the profile cannot be reached well; empty otherwise.</summary>
    public string Warning { get; init; } = "";

    /// <summary>Digest of the file; empty before it is made.</summary>
    public string ContentId { get; init; } = "";

    /// <summary>Size of the file; 0 before it is made.</summary>
    public long Bytes { get; init; }

    /// <summary>The run's configuration as JSON; empty when unknown.</summary>
    public string Config { get; init; } = "";
}

/// <summary>Weights that were asked for are not there or cannot be made. The message says what is there.</summary>
/// <param name="message">What was asked, why not, what is there.</param>
/// <param name="isUnknown">Whether the run or the time is not there; otherwise the request makes no sense.</param>
public sealed class WeightsRefusedException(string message, bool isUnknown) : InvalidOperationException(message)
{
    /// <summary>Whether the run or the time is not there (it may be later); otherwise the request makes no sense.</summary>
    public bool IsUnknown { get; } = isUnknown;
}
