using System.Text.Json.Nodes;
using Diffusion.Evaluation.Golden;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Evaluation.Tests.Golden;

/// <summary>A recorded case in a folder of its own, where it may be changed.</summary>
internal sealed class CaseCopy : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string json;

    /// <summary>Copies a case: the JSON file with the tensors beside it, or for a case in a folder that whole folder.</summary>
    public CaseCopy(string file)
    {
        string source = GoldenFiles.Path(file);
        string from = Path.GetDirectoryName(source)!;
        bool whole = from != GoldenFiles.Root;
        foreach (string path in Directory.EnumerateFiles(from, whole ? "*" : Path.GetFileNameWithoutExtension(file) + ".*", whole ? SearchOption.AllDirectories : SearchOption.TopDirectoryOnly))
        {
            string to = folder.In(Path.GetRelativePath(from, path));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(path, to);
        }

        json = folder.In(Path.GetFileName(file));
    }

    public string Root => folder.Path;

    public string In(string name) => folder.In(name);

    public void Dispose() => folder.Dispose();

    public void Edit(Action<JsonObject> change)
    {
        var description = JsonNode.Parse(File.ReadAllText(json))!.AsObject();
        change(description);
        File.WriteAllText(json, description.ToJsonString());
    }

    /// <summary>Adds to the number at a path such as <c>solve/2/coefs/0/1</c>, or breaks the string there.</summary>
    public void Corrupt(string path, double by) => Edit(description =>
    {
        JsonNode at = description;
        foreach (string step in path.Split('/'))
        {
            at = (at is JsonArray list ? list[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)] : at[step])!;
        }

        at.ReplaceWith(at.GetValueKind() switch
        {
            System.Text.Json.JsonValueKind.String => (JsonNode)(at.GetValue<string>() + "x"),
            System.Text.Json.JsonValueKind.True => false,
            _ => by == Math.Floor(by) && at.AsValue().TryGetValue(out long integer) ? integer + (long)by : at.GetValue<double>() + by,
        });
    });

    /// <summary>Flips high bits of the last value of a tensor.</summary>
    public void CorruptTensor(string name)
    {
        string tensors = Path.ChangeExtension(json, ".safetensors");
        long last;
        using (var file = SafetensorsFile.Open(tensors))
        {
            var entry = file.Entry(name);
            last = entry.Offset + entry.Length - (entry.ElementType == ElementType.Int64 ? 8 : 1);
        }

        byte[] bytes = File.ReadAllBytes(tensors);
        bytes[last] ^= 0x14;
        File.WriteAllBytes(tensors, bytes);
    }

    public IReadOnlyList<GoldenResult> Run() => [.. new GoldenRunner().Run(Root, CancellationToken.None)];
}
