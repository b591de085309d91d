using System.Globalization;

namespace Diffusion.Contracts.Configuration;

/// <summary>Exponential moving averages of the weights. Lengths are relative standard deviations σ_rel (EDM2, arXiv:2312.02696, section 3.1).</summary>
public sealed record AveragingConfig
{
    /// <summary>σ_rel of the tracked power-function averages.</summary>
    /// <value>0.05 and 0.10: enough to reconstruct any length after training.</value>
    public IReadOnlyList<double> RelativeStds { get; init; } = [0.05, 0.10];

    /// <summary>Half-lives in images of traditional averages that are tracked beside them.</summary>
    /// <value>None.</value>
    public IReadOnlyList<double> HalfLivesImages { get; init; } = [];

    /// <summary>Upper bound of a half-life as a fraction of the images seen (EDM's ramp-up).</summary>
    /// <value>0.09.</value>
    public double? RampUpRatio { get; init; } = 0.09;

    /// <summary>Number format of snapshots; checkpoints are float32.</summary>
    /// <value>float16.</value>
    public SnapshotPrecision Precision { get; init; } = SnapshotPrecision.Float16;

    /// <inheritdoc/>
    public bool Equals(AveragingConfig? other) => other is not null && RelativeStds.SequenceEqual(other.RelativeStds)
        && HalfLivesImages.SequenceEqual(other.HalfLivesImages) && RampUpRatio == other.RampUpRatio && Precision == other.Precision;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(RelativeStds.Count, HalfLivesImages.Count, RampUpRatio, Precision);

    internal IEnumerable<string> Problems()
    {
        foreach (double s in RelativeStds.Where(s => !(s > 0 && s < 0.289)))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"averaging.relativeStds holds {s}; a relative standard deviation lies between 0 and 0.289 (0.289 averages the whole run evenly). Common are 0.05 and 0.10.");
        }

        if (RelativeStds.Count == 0 && HalfLivesImages.Count == 0)
        {
            yield return "averaging.relativeStds is empty: a run needs at least one average to sample from. Common are [0.05, 0.10].";
        }

        if (RelativeStds.Distinct().Count() != RelativeStds.Count)
        {
            yield return "averaging.relativeStds names a length twice; snapshots of one length would overwrite each other.";
        }

        // Snapshot files are named by three decimals.
        if (RelativeStds.Select(s => s.ToString("0.000", CultureInfo.InvariantCulture)).Distinct().Count() != RelativeStds.Distinct().Count())
        {
            yield return "averaging.relativeStds has lengths that agree to three decimals; their snapshots would have the same name.";
        }

        if (HalfLivesImages.Any(h => !(h > 0)))
        {
            yield return "averaging.halfLivesImages must be positive numbers of images.";
        }

        if (RampUpRatio is <= 0)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"averaging.rampUpRatio is {RampUpRatio}; a positive fraction such as 0.09, or null to switch the ramp off.");
        }
    }
}

/// <summary>Number format of stored averages.</summary>
public enum SnapshotPrecision
{
    /// <summary>IEEE half precision, as in EDM2.</summary>
    Float16,

    /// <summary>IEEE single precision.</summary>
    Float32,
}
