using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Diffusion.Data;

namespace Diffusion.Evaluation.Golden;

/// <summary>
/// A folder of source images, the archives that a dataset tool made of them, and what a training should read from those. Each data set is an object
/// of the description, its pixels a tensor, its archive a ZIP, all under the same name.
/// </summary>
internal sealed class DatasetCheck : IGoldenCheck
{
    private const string UsualSource = "src";

    private static readonly string[] SelectionKeys = ["details", "use_labels", "xflip", "max_size"];
    private static readonly string[] DatasetKeys = ["args", "image_shape", "label_dim", "labels", "count", "dataset_json", "entries"];

    public string Kind => "dataset";

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
    {
        using var folder = new TemporaryFolder();
        return [.. GoldenParts.Of(golden.Json).SelectMany(part => GoldenParts.Guarded(golden, part.Key, () => Run(golden, part.Key, part.Value as JsonObject, folder)))];
    }

    private static IEnumerable<GoldenResult> Run(GoldenCase golden, string key, JsonObject? part, TemporaryFolder folder)
    {
        if (part is not null && SelectionKeys.Any(part.ContainsKey))
        {
            return Selection(golden, key, part, folder);
        }

        return part is not null && DatasetKeys.Any(part.ContainsKey)
            ? [.. GoldenParts.Guarded(golden, key + ".archive", () => Archive(golden, key, part, folder)), .. GoldenParts.Guarded(golden, key + ".convert", () => Conversion(golden, key, part, folder))]
            : [GoldenResult.Skip(golden.Name, key, "no check for this part")];
    }

    private static IEnumerable<GoldenResult> Archive(GoldenCase golden, string key, JsonObject part, TemporaryFolder folder)
    {
        if (ArchiveOf(golden, key, part) is not { } path)
        {
            yield return GoldenResult.Skip(golden.Name, key + ".archive", "no archive of this name was recorded");
            yield break;
        }

        using var dataset = new DatasetCache(folder["cache"]).Open(path, null, CancellationToken.None);
        string name = key + ".archive";
        if (part.ContainsKey("name"))
        {
            yield return GoldenParts.Same(golden, name + ".name", dataset.Name, part.Text("name"));
        }

        if (part.ContainsKey("image_shape"))
        {
            yield return GoldenParts.SameList(golden, name + ".image_shape", [dataset.Shape.Channels, dataset.Shape.Height, dataset.Shape.Width], part.Integers("image_shape"));
        }

        if (part.ContainsKey("label_dim"))
        {
            yield return GoldenParts.Same(golden, name + ".label_dim", dataset.Labels.Dimension, part.Integer("label_dim"));
        }

        if (part.ContainsKey("count"))
        {
            yield return GoldenParts.Same(golden, name + ".count", dataset.Count, part.Integer("count"));
        }

        if (part["labels"] is JsonArray)
        {
            yield return GoldenParts.SameList(golden, name + ".labels", Enumerable.Range(0, dataset.Count).Select(i => Words(LabelOf(dataset.Labels, i))), part.List("labels").Select((label, i) => Words(LabelOf(label, dataset.Labels.Dimension))));
        }

        if (golden.Has(key))
        {
            var images = Tensor(dataset.Element, dataset.Count, dataset.Shape, [.. Enumerable.Range(0, dataset.Count).SelectMany(i => dataset.Image(i).ToArray())]);
            yield return DatasetConversion.Images(golden, name + ".images", images, golden.Recorded(key));
        }
    }

    private static IEnumerable<GoldenResult> Conversion(GoldenCase golden, string key, JsonObject part, TemporaryFolder folder)
    {
        if (!part.ContainsKey("args"))
        {
            return [];
        }

        string here = Path.GetDirectoryName(Path.GetFullPath(golden.Path))!;
        var folders = Directory.GetDirectories(here);
        string? source = folders.FirstOrDefault(path => Path.GetFileName(path) == UsualSource) ?? (folders.Length == 1 ? folders[0] : null);
        return new DatasetConversion(golden, key, part, here, source).Run(folder[key + ".zip"]);
    }

    /// <summary>Subset and mirrors, of the data set named or else of the first one that came with an archive.</summary>
    private static IEnumerable<GoldenResult> Selection(GoldenCase golden, string key, JsonObject part, TemporaryFolder folder)
    {
        string? path = part["dataset"] is JsonValue named ? ArchiveOf(golden, named.ToString(), [])
            : GoldenParts.Of(golden.Json).Where(other => other.Value is JsonObject candidate && !SelectionKeys.Any(candidate.ContainsKey))
                .Select(other => ArchiveOf(golden, other.Key, (JsonObject)other.Value)).OfType<string>().FirstOrDefault();
        if (path is null)
        {
            yield return GoldenResult.Skip(golden.Name, key, "no archive was recorded to select from");
            yield break;
        }

        using var dataset = new DatasetCache(folder["cache"]).Open(path, null, CancellationToken.None);
        var images = ImageSet.ForTraining(dataset, new ImageSetOptions
        {
            UseLabels = part["use_labels"]?.GetValue<bool>() ?? true,
            MirrorX = part["xflip"]?.GetValue<bool>() ?? false,
            MaxSize = part["max_size"] is null ? null : (int)Math.Min(part.Integer("max_size"), dataset.Count),
            RandomSeed = part["random_seed"] is null ? 0 : part.Integer("random_seed"),
        });
        if (part.ContainsKey("count"))
        {
            yield return GoldenParts.Same(golden, key + ".count", images.Count, part.Integer("count"));
        }

        if (part.ContainsKey("label_shape"))
        {
            yield return GoldenParts.SameList(golden, key + ".label_shape", [images.LabelDim], part.Integers("label_shape"));
        }

        if (part.ContainsKey("details"))
        {
            var rows = part.List("details").OfType<JsonObject>().ToArray();
            yield return GoldenParts.SameList(golden, key + ".details",
                Enumerable.Range(0, images.Count).Select(i => $"{images.RawIndexOf(i)} {images.IsMirrored(i)} {Words(LabelOf(images, i))}"),
                rows.Select((row, i) => $"{row.Integer("raw_idx")} {row["xflip"]?.GetValue<bool>() ?? false} {(row.ContainsKey("raw_label") ? Words(LabelOf(row["raw_label"], images.LabelDim)) : i < images.Count ? Words(LabelOf(images, i)) : "")}"));
        }
    }

    private static string? ArchiveOf(GoldenCase golden, string key, JsonObject part)
    {
        string here = Path.GetDirectoryName(Path.GetFullPath(golden.Path))!;
        string name = Path.GetFileName(part["name"] is JsonValue given ? given.ToString() : key);
        return new[] { name + ".zip", key + ".zip", name, key }.Select(file => Path.Combine(here, file)).FirstOrDefault(Path.Exists);
    }

    private static Tensor Tensor(ImageElement element, int count, ImageShape shape, byte[] bytes)
    {
        using var flat = element == ImageElement.Pixel ? torch.tensor(bytes) : torch.tensor(MemoryMarshal.Cast<byte, float>(bytes).ToArray());
        return flat.reshape(count, shape.Channels, shape.Height, shape.Width);
    }

    private static float[] LabelOf(LabelTable labels, int index)
    {
        float[] label = new float[labels.Dimension];
        labels.CopyTo(index, label);
        return label;
    }

    private static float[] LabelOf(ImageSet images, int index)
    {
        float[] label = new float[images.LabelDim];
        images.CopyLabel(index, label);
        return label;
    }

    /// <summary>A recorded label: a vector as it is, or a class, which a network sees as one-hot.</summary>
    private static float[] LabelOf(JsonNode? label, int dimension)
    {
        if (label is JsonArray vector)
        {
            return [.. vector.Select(value => (float)GoldenJson.Number(value, "label"))];
        }

        var hot = new float[dimension];
        hot[(int)GoldenJson.Integer(label, "label")] = 1;
        return hot;
    }

    private static string Words(float[] label) => $"[{string.Join(' ', label)}]";
}
