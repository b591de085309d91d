using System.Globalization;

namespace Diffusion.Snapshots.Checkpoints;

/// <summary>Directory names of checkpoints: <c>checkpoint-IIIIIIIIIIII</c>, I the images seen. Sorted by name is sorted by time.</summary>
internal static class CheckpointName
{
    public const string FileExtension = ".safetensors";
    private const string Prefix = "checkpoint-";
    private const string WritingSuffix = ".writing";
    private const string ReplacedSuffix = ".replaced";
    private const string DeletingSuffix = ".deleting";

    public static string Of(long imagesSeen) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{imagesSeen:D12}");

    public static string Writing(long imagesSeen) => $".{Of(imagesSeen)}{WritingSuffix}";

    public static string Replaced(long imagesSeen) => $".{Of(imagesSeen)}{ReplacedSuffix}";

    public static string Deleting(long imagesSeen) => $".{Of(imagesSeen)}{DeletingSuffix}";

    public static bool TryParse(string path, out long imagesSeen)
    {
        string name = Path.GetFileName(path);
        imagesSeen = 0;
        return name.StartsWith(Prefix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out imagesSeen)
            && name == Of(imagesSeen);
    }

    public static bool IsWriting(string path) => IsHidden(path, WritingSuffix);

    public static bool IsDeleting(string path) => IsHidden(path, DeletingSuffix);

    /// <summary>A checkpoint that was being replaced by another of the same image count.</summary>
    public static bool IsReplaced(string path, out string original)
    {
        string name = Path.GetFileName(path);
        bool found = IsHidden(path, ReplacedSuffix);
        original = found ? Path.Combine(Path.GetDirectoryName(path) ?? "", name[1..^ReplacedSuffix.Length]) : "";
        return found;
    }

    private static bool IsHidden(string path, string suffix)
    {
        string name = Path.GetFileName(path);
        return name.StartsWith("." + Prefix, StringComparison.Ordinal) && name.EndsWith(suffix, StringComparison.Ordinal);
    }
}
