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

    public static PackedManifest Read(string directory)
    {
        string path = Path.Combine(directory, FileName);
        PackedManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(File.ReadAllBytes(path), PackedJson.Default.PackedManifest)
                ?? throw new DatasetException($"{path} is empty. {Remedy(directory)}");
        }
        catch (JsonException e)
        {
            throw new DatasetException($"{path} cannot be read: {e.Message} {Remedy(directory)}", e);
        }

        manifest.Check(directory);
        return manifest;
    }

    public static string Remedy(string directory) => $"Delete {directory} and open the original data set again; it is packed anew.";

    private void Check(string directory)
    {
        if (Format != CurrentFormat)
        {
            throw new DatasetException($"{directory} is packed as '{Format}', this program reads '{CurrentFormat}'. {Remedy(directory)}");
        }

        ImageShape.Checked(Channels, Height, Width, Path.Combine(directory, FileName));
        long expectedFiles = ImagesPerFile < 1 ? -1 : ((long)Count + ImagesPerFile - 1) / ImagesPerFile;
        if (Count < 1 || expectedFiles != Files.Count || LabelDim < 0 || (LabelKind == LabelKind.None) != (Labels is null))
        {
            throw new DatasetException($"{Path.Combine(directory, FileName)} contradicts itself: {Count} images, {ImagesPerFile} to a file, {Files.Count} files, labels '{LabelKind}' of length {LabelDim}. {Remedy(directory)}");
        }
    }
}

/// <summary>One file of a packed data set.</summary>
internal sealed record PackedFile
{
    public required string Name { get; init; }

    public required long Bytes { get; init; }

    public required string Sha256 { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(PackedManifest))]
internal sealed partial class PackedJson : JsonSerializerContext;
