using System.Text.Json;
using System.Text.RegularExpressions;

namespace Diffusion.Data;

/// <summary>Labels of a folder or ZIP: from <c>dataset.json</c>, or from the names of the top-level directories.</summary>
internal static partial class LabelFile
{
    public const string Name = "dataset.json";

    /// <summary>Labels by image name, or null where there is no label file or it holds none.</summary>
    public static IReadOnlyDictionary<string, JsonElement>? Read(IFileStore store)
    {
        if (!store.Names.Contains(Name, StringComparer.Ordinal))
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(store.Read(Name));
            if (!document.RootElement.TryGetProperty("labels", out JsonElement labels) || labels.ValueKind == JsonValueKind.Null)
            {
                return null;
            }

            var byName = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
            foreach (JsonElement pair in labels.EnumerateArray())
            {
                byName[pair[0].GetString()!.Replace('\\', '/')] = pair[1].Clone();
            }

            return byName;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or IndexOutOfRangeException or ArgumentException)
        {
            throw new DatasetException($"{Name} of {store.Path} is not of the form {{\"labels\": [[\"name\", label], ...]}}: {e.Message}", e);
        }
    }

    /// <summary>Labels of all images, in their order.</summary>
    public static LabelTable TableOf(IFileStore store, IReadOnlyList<string> images)
    {
        IReadOnlyDictionary<string, JsonElement>? byName = Read(store);
        if (byName is null)
        {
            return store.Names.Contains(Name, StringComparer.Ordinal) ? LabelTable.None : FromDirectories(images);
        }

        string? missing = images.FirstOrDefault(image => !byName.ContainsKey(image));
        if (missing is not null)
        {
            int covered = images.Count(byName.ContainsKey);
            throw new DatasetException($"{Name} of {store.Path} labels {covered} of {images.Count} images; {missing} is not among them. Every image needs a label: complete the file, or set \"labels\" to null.");
        }

        JsonElement[] labels = [.. images.Select(image => byName[image])];
        return labels[0].ValueKind == JsonValueKind.Array ? Vectors(labels, images, store) : Classes(labels, images, store);
    }

    private static LabelTable Classes(JsonElement[] labels, IReadOnlyList<string> images, IFileStore store)
    {
        long[] classes = new long[labels.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i].ValueKind != JsonValueKind.Number || !labels[i].TryGetInt64(out classes[i]))
            {
                throw new DatasetException($"{Name} of {store.Path} labels {images[i]} as {labels[i].GetRawText()}; it labels {images[0]} by an integer, so all labels must be integers.");
            }
        }

        return LabelTable.OfClasses(classes, []);
    }

    private static LabelTable Vectors(JsonElement[] labels, IReadOnlyList<string> images, IFileStore store)
    {
        int dimension = labels[0].GetArrayLength();
        float[] vectors = new float[checked(labels.Length * dimension)];
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i].ValueKind != JsonValueKind.Array || labels[i].GetArrayLength() != dimension || dimension == 0
                || labels[i].EnumerateArray().Any(number => number.ValueKind != JsonValueKind.Number))
            {
                throw new DatasetException($"{Name} of {store.Path} labels {images[i]} as {labels[i].GetRawText()}; the label of {images[0]} is a list of {dimension} numbers, so all must be, and not be empty.");
            }

            for (int j = 0; j < dimension; j++)
            {
                vectors[(i * dimension) + j] = labels[i][j].GetSingle();
            }
        }

        return LabelTable.OfVectors(vectors, dimension);
    }

    /// <summary>Classes from the top-level directories, numbered in sorted order, when there are at least two. A file at the root belongs to directory ''.</summary>
    public static LabelTable FromDirectories(IReadOnlyList<string> images)
    {
        // The dataset tool's own numbered directories are no classes.
        if (images.All(image => NumberedName().IsMatch(image)))
        {
            return LabelTable.None;
        }

        string[] directories = [.. images.Select(image => image.Contains('/') ? image[..image.IndexOf('/')] : string.Empty)];
        string[] names = [.. directories.Distinct().Order(CodePointOrder.Instance)];
        if (names.Length < 2)
        {
            return LabelTable.None;
        }

        var numbers = names.Select((name, number) => (name, number)).ToDictionary(pair => pair.name, pair => (long)pair.number);
        return LabelTable.OfClasses(Array.ConvertAll(directories, directory => numbers[directory]), names);
    }

    [GeneratedRegex(@"^\d{5}/img[a-z-]*\d{8}\.(png|npy)$")]
    private static partial Regex NumberedName();
}
