using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Diffusion.Data;

/// <summary>The manifest of a packed data set: the last file written, so that a directory without one is no data set.</summary>
internal sealed record PackedManifest
{
    public const string FileName = "manifest.json";
    public const string CurrentFormat = "diffusion-packed-1";

    public required string Format { get; init; }

    public required string Name { get; init; }

    public required int Count { get; init; }

    public required int Channels { get; init; }

    public required int Height { get; init; }

    public required int Width { get; init; }

    public required ImageElement Element { get; init; }

    public required LabelKind LabelKind { get; init; }

    public required int LabelDim { get; init; }

    public IReadOnlyList<string> ClassNames { get; init; } = [];

    public required int ImagesPerFile { get; init; }

    public required IReadOnlyList<PackedFile> Files { get; init; }

    public PackedFile? Labels { get; init; }

    [JsonIgnore]
    public ImageShape Shape => new(Channels, Height, Width);

    [JsonIgnore]
    public int RecordBytes => Shape.Elements * Element.Bytes();

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, PackedJson.Default.PackedManifest);

    /// <summary>All files but the manifest itself.</summary>
    [JsonIgnore]
    public IReadOnlyList<PackedFile> AllFiles => Labels is null ? Files : [.. Files, Labels];

    /// <summary>SHA-256 over everything but the name, hence over shape, labels and content.</summary>
    public string Digest() => Convert.ToHexStringLower(SHA256.HashData((this with { Name = string.Empty }).ToJson()));

    public static PackedManifest Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        return Parse(File.ReadAllBytes(path), path, Remedy(directory));
    }

    /// <param name="json">The manifest.</param>
    /// <param name="source">Where it is from, for messages.</param>
    /// <param name="remedy">What to do if it is unusable.</param>
    /// <exception cref="DatasetException">It is unusable.</exception>
    public static PackedManifest Parse(ReadOnlySpan<byte> json, string source, string remedy)
    {
        PackedManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(json, PackedJson.Default.PackedManifest) ?? throw new DatasetException($"{source} is empty. {remedy}");
        }
        catch (JsonException e)
        {
            throw new DatasetException($"{source} cannot be read: {e.Message} {remedy}", e);
        }

        manifest.Check(source, remedy);
        return manifest;
    }

    public static string Remedy(string directory) => $"Delete {directory} and open the original data set again; it is packed anew.";

    private void Check(string source, string remedy)
    {
        if (Format != CurrentFormat)
        {
            throw new DatasetException($"{source} is of format '{Format}', this program reads '{CurrentFormat}'. {remedy}");
        }

        ImageShape.Checked(Channels, Height, Width, source);
        long expectedFiles = ImagesPerFile < 1 ? -1 : ((long)Count + ImagesPerFile - 1) / ImagesPerFile;
        if (Count < 1 || expectedFiles != Files.Count || LabelDim < 0 || (LabelKind == LabelKind.None) != (Labels is null))
        {
            throw new DatasetException($"{source} contradicts itself: {Count} images, {ImagesPerFile} to a file, {Files.Count} files, labels '{LabelKind}' of length {LabelDim}. {remedy}");
        }

        if (AllFiles.FirstOrDefault(file => !IsPlain(file.Name) || file.Bytes < 0) is { } wrong)
        {
            throw new DatasetException($"{source} names '{wrong.Name}' of {wrong.Bytes} bytes, which is not a plain file name with a size. {remedy}");
        }

        if (AllFiles.DistinctBy(file => file.Name).Count() != AllFiles.Count)
        {
            throw new DatasetException($"{source} names a file twice. {remedy}");
        }
    }

    /// <summary>Manifests also come over the network: no separators, nothing hidden, not the manifest itself.</summary>
    private static bool IsPlain(string name) =>
        name.Length is > 0 and <= 128 && name[0] != '.' && name != FileName && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_');
}

/// <summary>One file of a packed data set.</summary>
public sealed record PackedFile
{
    /// <summary>Its name in the data set's directory; no path.</summary>
    public required string Name { get; init; }

    /// <summary>Its size.</summary>
    public required long Bytes { get; init; }

    /// <summary>Its SHA-256, in lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(PackedManifest))]
internal sealed partial class PackedJson : JsonSerializerContext;
