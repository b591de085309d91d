using System.Globalization;
using System.Text.Json;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Catalogue;

/// <summary>What a snapshot says about itself, kept in its header.</summary>
public sealed record SnapshotInfo
{
    private const string VersionKey = "format_version";
    private const string RunKey = "run_id";
    private const string ImagesKey = "images_seen";
    private const string StdKey = "sigma_rel";
    private const string ProfileKey = "profile";
    private const string ConfigKey = "config";
    private const string BuffersKey = "buffers";
    private static readonly string[] Known = [VersionKey, RunKey, ImagesKey, StdKey, ProfileKey, ConfigKey, BuffersKey, ContentDigest.ContentKey, ContentDigest.DataKey];

    /// <summary>Version of the metadata this program writes.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The run it belongs to; null in files of other programs.</summary>
    public string? RunId { get; init; }

    /// <summary>Training time, in images.</summary>
    public required long ImagesSeen { get; init; }

    /// <summary>σ_rel of the average.</summary>
    public required double RelativeStd { get; init; }

    /// <summary>Shape of the averaging profile.</summary>
    /// <value><c>power-function</c>.</value>
    public string Profile { get; init; } = "power-function";

    /// <summary>The run's configuration as JSON; null when unknown.</summary>
    public string? Config { get; init; }

    /// <summary>Names of tensors that are copied, never averaged: Fourier frequencies and phases.</summary>
    public IReadOnlyList<string> Buffers { get; init; } = [];

    /// <summary>Further strings for the header, e.g. how a reconstruction was made.</summary>
    public IReadOnlyDictionary<string, string> Extra { get; init; } = new Dictionary<string, string>();

    /// <summary>Reads the header of an open file; what it does not say comes from the file's name.</summary>
    /// <exception cref="DamagedFileException">Neither header nor name give image count and length, or a value makes no sense.</exception>
    public static SnapshotInfo Read(SafetensorsFile file)
    {
        var name = SnapshotName.TryParse(file.Path, out var parsed) ? parsed : null;
        var metadata = file.Metadata;
        int version = (int)Number(file, VersionKey, CurrentVersion);
        if (version != CurrentVersion)
        {
            throw Fault(file, $"its format version is {version}, this program reads {CurrentVersion}", "Use the program version that wrote it.");
        }

        return new SnapshotInfo
        {
            RunId = metadata.GetValueOrDefault(RunKey),
            ImagesSeen = Number(file, ImagesKey, name?.ImagesSeen),
            RelativeStd = Std(file, name),
            Profile = metadata.GetValueOrDefault(ProfileKey, "power-function"),
            Config = metadata.GetValueOrDefault(ConfigKey),
            Buffers = metadata.TryGetValue(BuffersKey, out string? list) ? Names(file, list) : GuessBuffers(file),
            Extra = metadata.Where(pair => !Known.Contains(pair.Key)).ToDictionary(pair => pair.Key, pair => pair.Value),
        };
    }

    internal Dictionary<string, string> ToMetadata()
    {
        var metadata = new Dictionary<string, string>(Extra)
        {
            ["format"] = "pt", // Some loaders insist on it; it only says that names and layouts are PyTorch's.
            [VersionKey] = CurrentVersion.ToString(CultureInfo.InvariantCulture),
            [ImagesKey] = ImagesSeen.ToString(CultureInfo.InvariantCulture),
            [StdKey] = RelativeStd.ToString("R", CultureInfo.InvariantCulture),
            [ProfileKey] = Profile,
            [BuffersKey] = JsonSerializer.Serialize(Buffers),
        };
        if (RunId is not null)
        {
            metadata[RunKey] = RunId;
        }

        if (Config is not null)
        {
            metadata[ConfigKey] = Config;
        }

        return metadata;
    }

    /// <summary>Files of other programs do not list them; the field's names do.</summary>
    private static string[] GuessBuffers(SafetensorsFile file) =>
    [
        .. file.Tensors.Select(tensor => tensor.Name).Where(tensor => tensor.EndsWith(".freqs", StringComparison.Ordinal)
            || tensor.EndsWith(".phases", StringComparison.Ordinal) || tensor.EndsWith(".resample_filter", StringComparison.Ordinal)),
    ];

    private static long Number(SafetensorsFile file, string key, long? otherwise)
    {
        if (!file.Metadata.TryGetValue(key, out string? text))
        {
            return otherwise ?? throw Fault(file, $"its header has no '{key}' and its name does not say it",
                "Name it PREFIX-KKKKKKK-S.SSS.safetensors, K in thousands of images and S the EMA length.");
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw Fault(file, $"its '{key}' is '{text}', not a count", "Write it anew.");
    }

    private static double Std(SafetensorsFile file, SnapshotName? name)
    {
        double std = !file.Metadata.TryGetValue(StdKey, out string? text) ? name?.RelativeStd ?? double.NaN
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN;
        return std > 0 ? std : throw Fault(file, $"its EMA length is '{text ?? "unknown"}'", "Name it PREFIX-KKKKKKK-S.SSS.safetensors or write it anew.");
    }

    private static string[] Names(SafetensorsFile file, string list)
    {
        try
        {
            return JsonSerializer.Deserialize<string[]>(list) ?? [];
        }
        catch (JsonException failure)
        {
            throw new DamagedFileException(file.Path, "its list of buffers is no JSON array of names", "Write it anew.", failure);
        }
    }

    private static DamagedFileException Fault(SafetensorsFile file, string fault, string remedy) => new(file.Path, fault, remedy);
}
