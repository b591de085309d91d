using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>How reconstructions are made and stored.</summary>
public sealed record ReconstructionOptions
{
    /// <summary>Type of the stored weights, F16 or F32. Sums are float32 either way.</summary>
    /// <value>Float16.</value>
    public ElementType ElementType { get; init; } = ElementType.Float16;

    /// <summary>What output names start with.</summary>
    /// <value><c>phema</c>.</value>
    public string Prefix { get; init; } = Catalogue.SnapshotName.PostHoc;

    /// <summary>Leave outputs alone whose file exists.</summary>
    public bool SkipExisting { get; init; }

    /// <summary>Compare every input with its digest before the pass over them; doubles the bytes read.</summary>
    public bool VerifyInputs { get; init; }

    /// <summary>Buffer memory to stay under, in bytes, whatever the size of the network and the number of snapshots.</summary>
    /// <value>256 MiB.</value>
    public long MemoryBytes { get; init; } = 256L << 20;

    /// <summary>Threads.</summary>
    /// <value>All processors.</value>
    public int Threads { get; init; } = Environment.ProcessorCount;
}

/// <summary>One reconstruction of a plan.</summary>
/// <param name="Target">What was asked for.</param>
/// <param name="InputCount">How many snapshots go into it: the first so many of the set, none later than the target.</param>
/// <param name="Solution">Their weights, and how well they do.</param>
public sealed record PlannedReconstruction(ProfileAt Target, int InputCount, PostHocSolution Solution)
{
    /// <summary>Expected error above which <see cref="Warning"/> speaks.</summary>
    public const double WarnAbove = 0.01;

    /// <summary>A sentence when the profile cannot be reached well; null otherwise.</summary>
    public string? Warning => Solution.ExpectedError <= WarnAbove ? null
        : FormattableString.Invariant($"Length {Target.RelativeStd:G4} at {Target.ImagesSeen} images is reached only to {Solution.ExpectedError:P1} of its profile from these {InputCount} snapshots. ")
          + "Take snapshots more often, track more lengths, or ask for a length between those tracked.";
}

/// <summary>How far a pass has come.</summary>
/// <param name="BytesRead">Bytes of snapshots read so far.</param>
/// <param name="TotalBytes">Bytes to read in all.</param>
public readonly record struct ReconstructionProgress(long BytesRead, long TotalBytes);
