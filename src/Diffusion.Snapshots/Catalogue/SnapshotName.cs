using System.Globalization;
using System.Text.RegularExpressions;

namespace Diffusion.Snapshots.Catalogue;

/// <summary>The field's snapshot names: <c>network-snapshot-KKKKKKK-S.SSS.safetensors</c>, K in thousands of images, S the EMA length.</summary>
/// <param name="Prefix">What comes before the numbers.</param>
/// <param name="ThousandImages">Images seen, in thousands, rounded down.</param>
/// <param name="RelativeStd">σ_rel with three decimals.</param>
public sealed partial record SnapshotName(string Prefix, long ThousandImages, double RelativeStd)
{
    /// <summary>Prefix of snapshots taken in training.</summary>
    public const string Training = "network-snapshot";

    /// <summary>Prefix of reconstructed ones.</summary>
    public const string PostHoc = "phema";

    /// <summary>Extension of every snapshot.</summary>
    public const string Extension = ".safetensors";

    /// <summary>The name as a file name.</summary>
    public string FileName => string.Create(CultureInfo.InvariantCulture, $"{Prefix}-{ThousandImages:D7}-{RelativeStd:F3}{Extension}");

    /// <summary>Image count the name stands for: the multiple of 1024 in its thousand. Exact where counts are multiples of 1024, as EDM2's are.</summary>
    public long ImagesSeen => (1000 * ThousandImages + 999) / 1024 * 1024;

    /// <summary>The name of a snapshot.</summary>
    /// <param name="prefix">What comes before the numbers.</param>
    /// <param name="imagesSeen">Images seen.</param>
    /// <param name="relativeStd">σ_rel.</param>
    public static SnapshotName For(string prefix, long imagesSeen, double relativeStd) => new(prefix, imagesSeen / 1000, relativeStd);

    /// <summary>Reads a file name, with or without its directory; false when it is no snapshot's.</summary>
    public static bool TryParse(string path, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out SnapshotName? name)
    {
        var match = Pattern().Match(Path.GetFileName(path));
        name = match.Success && long.TryParse(match.Groups[2].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out long thousands)
                && thousands <= long.MaxValue / 1000 - 1
            ? new SnapshotName(match.Groups[1].Value, thousands, double.Parse(match.Groups[3].ValueSpan, CultureInfo.InvariantCulture))
            : null;
        return name is not null;
    }

    [GeneratedRegex(@"^([^.].*)-([0-9]+)-([0-9]+\.[0-9]+)\.safetensors$")]
    private static partial Regex Pattern();
}
