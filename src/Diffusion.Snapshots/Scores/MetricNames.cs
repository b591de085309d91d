namespace Diffusion.Snapshots.Scores;

/// <summary>Names of the metrics, as command lines and catalogues write them. Smaller is better for all.</summary>
public static class MetricNames
{
    /// <summary>Fréchet distance in a feature space (FID, where that is Inception-v3's).</summary>
    public const string Frechet = "fd";

    /// <summary>Kernel distance in a feature space: squared maximum mean discrepancy, unbiased, with the cubic polynomial kernel.</summary>
    public const string Kernel = "kid";

    /// <summary>Sliced Wasserstein distance between pyramids of the images; needs no network.</summary>
    public const string SlicedWasserstein = "swd";

    /// <summary>Weighted squared error on held-out images with fixed noise; needs no samples.</summary>
    public const string HeldOutLoss = "loss";

    /// <summary>What names of metrics begin with that other programs define: the mean of one number for each seed. This program stores them and knows no more of them.</summary>
    public const string ExternalPrefix = "external:";

    /// <summary>Whether another program defines it.</summary>
    public static bool IsExternal(string metric) => metric.StartsWith(ExternalPrefix, StringComparison.Ordinal) && metric.Length > ExternalPrefix.Length;

    /// <summary>All that this program measures.</summary>
    public static IReadOnlyList<string> All { get; } = [Frechet, Kernel, SlicedWasserstein, HeldOutLoss];
}
