using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Checkpoints;

/// <summary>What is being saved, as the caller knows it.</summary>
public record CheckpointState
{
    /// <summary>The run.</summary>
    public required string RunId { get; init; }

    /// <summary>Training time, in images; the checkpoint's name.</summary>
    public required long ImagesSeen { get; init; }

    /// <summary>Optimizer steps taken.</summary>
    public required long Steps { get; init; }

    /// <summary>Digest of the run's configuration; resuming under another one is the caller's decision.</summary>
    public required string ConfigDigest { get; init; }

    /// <summary>Further state as strings, e.g. the generation or a loss scale. Doubles belong here in round-trip format.</summary>
    public IReadOnlyDictionary<string, string> Extra { get; init; } = new Dictionary<string, string>();
}

/// <summary>One file of a checkpoint.</summary>
/// <param name="Name">The arena's name; the file is <c>NAME.safetensors</c>.</param>
/// <param name="Bytes">Size of the file.</param>
/// <param name="ContentId">SHA-256 that identifies every byte of the file.</param>
/// <param name="LayoutDigest">Digest of its layout, where that is not the one of the weights.</param>
public sealed record CheckpointFile(string Name, long Bytes, string ContentId, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? LayoutDigest = null);

/// <summary>The list of a checkpoint's files, written last: a checkpoint without it does not exist.</summary>
public sealed record CheckpointManifest : CheckpointState
{
    /// <summary>Name of the manifest in its checkpoint.</summary>
    public const string FileName = "manifest.json";

    private const int CurrentVersion = 1;
    private const string DigestKey = "manifest_sha256";
    private static readonly string Unset = new('0', 2 * SHA256.HashSizeInBytes);

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        WriteIndented = true,
    };

    /// <summary>Version of the format.</summary>
    public int FormatVersion { get; init; } = CurrentVersion;

    /// <summary>Digest of the layout of the weights, which most arenas share; see <see cref="ArenaLayout.Digest"/>.</summary>
    public required string LayoutDigest { get; init; }

    /// <summary>The arenas' files.</summary>
    public required IReadOnlyList<CheckpointFile> Files { get; init; }

    /// <summary>SHA-256 of this manifest with this value read as zeros.</summary>
    [JsonPropertyName(DigestKey)]
    [JsonPropertyOrder(int.MaxValue)]
    public string ManifestSha256 { get; init; } = Unset;

    internal byte[] ToBytes()
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(this with { ManifestSha256 = Unset }, Options);
        byte[] digest = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(json)));
        digest.CopyTo(json.AsSpan(DigestPosition(json)));
        return json;
    }

    internal static CheckpointManifest Parse(string path, byte[] json)
    {
        const string Remedy = "Use an older checkpoint; the program does so by itself.";
        CheckpointManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<CheckpointManifest>(json, Options) ?? throw new JsonException("it is null");
        }
        catch (JsonException failure)
        {
            throw new DamagedFileException(path, $"it is no manifest ({failure.Message.TrimEnd('.')})", Remedy, failure);
        }

        byte[] zeroed = [.. json];
        int at = DigestPosition(zeroed);
        if (at >= 0)
        {
            Encoding.ASCII.GetBytes(Unset, zeroed.AsSpan(at));
        }

        string found = Convert.ToHexStringLower(SHA256.HashData(zeroed));
        if (found != manifest.ManifestSha256)
        {
            throw new DamagedFileException(path, $"its digest is {found[..12]}…, it says {manifest.ManifestSha256}", Remedy);
        }

        return manifest.FormatVersion == CurrentVersion
            ? manifest
            : throw new DamagedFileException(path, $"its format version is {manifest.FormatVersion}, this program reads {CurrentVersion}", "Use the program version that wrote it.");
    }

    /// <summary>The last occurrence; the property is written last, after every string of the caller.</summary>
    private static int DigestPosition(ReadOnlySpan<byte> json)
    {
        byte[] pattern = Encoding.ASCII.GetBytes($"\"{DigestKey}\": \"");
        int at = json.LastIndexOf(pattern);
        return at >= 0 && at + pattern.Length + Unset.Length <= json.Length ? at + pattern.Length : -1;
    }
}
