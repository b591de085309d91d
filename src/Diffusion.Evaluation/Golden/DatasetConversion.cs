using System.IO.Compression;
using System.Text.Json.Nodes;
using Diffusion.Data;

namespace Diffusion.Evaluation.Golden;

/// <summary>Repeats a recorded conversion of the dataset tool and compares the archive that comes out.</summary>
internal sealed class DatasetConversion(GoldenCase golden, string key, JsonObject part, string here, string? usualSource)
{
    // Resizing is integer arithmetic and repeats to the bit; decoders of lossy formats may round a level differently.
    private const double PixelTolerance = 1;
    private const string LabelFile = "dataset.json";

    private readonly string name = key + ".convert";

    /// <summary>Compares images of the same count and shape, in levels of 8 bits or, for latents, as they are.</summary>
    public static GoldenResult Images(GoldenCase golden, string part, Tensor actual, Tensor expected)
    {
        if (!actual.shape.AsSpan().SequenceEqual(expected.shape) || actual.dtype != expected.dtype)
        {
            return new GoldenResult(golden.Name, part, double.NaN, PixelTolerance, GoldenVerdict.Failed,
                $"it is {actual.dtype} [{string.Join(", ", actual.shape)}], not {expected.dtype} [{string.Join(", ", expected.shape)}]");
        }

        using var scope = torch.NewDisposeScope();
        var difference = actual.to(ScalarType.Float64).sub(expected.to(ScalarType.Float64)).abs();
        return GoldenResult.Compare(golden.Name, part, difference.numel() == 0 ? 0 : difference.max().item<double>(), expected.dtype == ScalarType.Byte ? PixelTolerance : 0);
    }

    public IEnumerable<GoldenResult> Run(string destination)
    {
        if (Options(destination, out string? unknown) is not { } options)
        {
            yield return GoldenResult.Skip(golden.Name, name, unknown is null ? "the source images were not recorded" : $"no check for argument {unknown}");
            yield break;
        }

        var conversion = DatasetConverter.Convert(options, null, CancellationToken.None);
        if (part.ContainsKey("count"))
        {
            yield return GoldenParts.Same(golden, name + ".count", conversion.Written, part.Integer("count"));
        }

        if (part.ContainsKey("label_dim"))
        {
            yield return GoldenParts.Same(golden, name + ".label_dim", conversion.LabelDim, part.Integer("label_dim"));
        }

        foreach (var result in Entries(destination))
        {
            yield return result;
        }

        if (Expected() is { } expected)
        {
            yield return Images(golden, name + ".images", Pixels(destination), expected);
        }
    }

    private IEnumerable<GoldenResult> Entries(string destination)
    {
        using var archive = ZipFile.OpenRead(destination);
        if (part.ContainsKey("entries"))
        {
            yield return GoldenParts.SameList(golden, name + ".entries", archive.Entries.Select(entry => entry.FullName), part.Texts("entries"));
        }

        if (part["stored_uncompressed"] is JsonValue stored)
        {
            yield return GoldenParts.Same(golden, name + ".stored_uncompressed", archive.Entries.All(entry => entry.CompressedLength == entry.Length), stored.GetValue<bool>());
        }

        if (part["dataset_json"] is { } labels)
        {
            using var stream = archive.GetEntry(LabelFile)?.Open();
            var written = stream is null ? null : JsonNode.Parse(stream);
            yield return GoldenParts.Same(golden, name + ".dataset_json", JsonNode.DeepEquals(written, labels), true);
        }
    }

    /// <summary>Recorded pixels, or those of the archive that was recorded instead.</summary>
    private Tensor? Expected()
    {
        string archive = Path.Combine(here, key + ".zip");
        return golden.Has(key) ? golden.Recorded(key) : File.Exists(archive) ? Pixels(archive) : null;
    }

    private static Tensor Pixels(string path)
    {
        using var source = ImageSources.Open(path);
        var images = Enumerable.Range(0, source.Count).Select(source.Read).ToArray();
        var shape = images[0].Shape;
        using var flat = torch.tensor(images.SelectMany(image => image.Bytes).ToArray());
        return flat.reshape(images.Length, shape.Channels, shape.Height, shape.Width);
    }

    /// <summary>The tool's arguments, as they were given; null if one is not known or there is no source.</summary>
    private ConversionOptions? Options(string destination, out string? unknown)
    {
        unknown = null;
        string? source = usualSource;
        var options = new ConversionOptions { Source = "", Destination = destination };
        string[] words = [.. part.Texts("args").SelectMany(word => word.StartsWith("--", StringComparison.Ordinal) ? word.Split('=', 2) : [word])];
        for (int i = 0; i < words.Length; i += 2)
        {
            string value = i + 1 < words.Length ? words[i + 1] : throw new FormatException($"'args': {words[i]} has no value.");
            switch (words[i])
            {
                case "--resolution":
                    options = options with { Resolution = ConversionOptions.ParseResolution(value) };
                    break;
                case "--transform":
                    options = options with { Transform = ConversionOptions.ParseTransform(value) };
                    break;
                case "--max-images":
                    options = options with { MaxImages = (int)GoldenJson.Integer(JsonValue.Create(value), "args") };
                    break;
                case "--source":
                    source = Path.Combine(here, Path.GetFileName(Path.TrimEndingDirectorySeparator(value)));
                    break;
                case "--dest":
                    break;
                default:
                    unknown = words[i];
                    return null;
            }
        }

        return source is not null && Path.Exists(source) ? options with { Source = source } : null;
    }
}
