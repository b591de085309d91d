using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Evaluation.Golden;

/// <summary>Recorded numbers: a JSON file that describes them, beside a safetensors file that may hold them. Any part may be absent.</summary>
public sealed class GoldenCase : IDisposable
{
    private readonly SafetensorsFile? file;
    private readonly HashSet<string> names;

    private GoldenCase(string path, JsonObject json)
    {
        Path = path;
        Json = json;
        Kind = json["kind"]!.GetValue<string>();
        Name = Text("name") ?? System.IO.Path.GetFileNameWithoutExtension(path);
        string tensors = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path)!, Text("tensors_file") ?? Name + ".safetensors");
        file = File.Exists(tensors) ? SafetensorsFile.Open(tensors) : null;
        names = [.. file?.Tensors.Select(entry => entry.Name) ?? []];
    }

    /// <summary>The JSON file.</summary>
    public string Path { get; }

    /// <summary>Which check applies.</summary>
    public string Kind { get; }

    /// <summary>The case's own name; other cases refer to it by this.</summary>
    public string Name { get; }

    /// <summary>The description.</summary>
    public JsonObject Json { get; }

    /// <summary>Names of all recorded tensors.</summary>
    public IReadOnlyCollection<string> TensorNames => names;

    /// <summary>Opens a case, or returns null for a JSON file that is none.</summary>
    public static GoldenCase? TryOpen(string path)
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(File.ReadAllText(path));
        }
        catch (JsonException)
        {
            // Directories of cases hold other JSON too, even damaged on purpose; only an object with a kind is a case.
            return null;
        }

        return node is JsonObject json && json["kind"] is JsonValue kind && kind.GetValueKind() == JsonValueKind.String ? new GoldenCase(path, json) : null;
    }

    /// <summary>A string of the description, or null.</summary>
    public string? Text(string key) => Json[key] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    /// <summary>Whether all these tensors were recorded.</summary>
    public bool Has(params IEnumerable<string> tensors) => tensors.All(names.Contains);

    /// <summary>Names that begin with the prefix, without it.</summary>
    public IEnumerable<string> Under(string prefix) => names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..]).Order(StringComparer.Ordinal);

    /// <summary>A recorded tensor on the CPU, in its own type (half floats widened to float32); it belongs to the caller's dispose scope.</summary>
    /// <exception cref="KeyNotFoundException">It was not recorded.</exception>
    public Tensor Tensor(string name)
    {
        var source = file ?? throw new KeyNotFoundException($"Case {Name} has no file of tensors.");
        var entry = source.Entry(name);
        using var flat = entry.ElementType switch
        {
            ElementType.Float64 => torch.tensor(MemoryMarshal.Cast<byte, double>(source.Bytes(name)).ToArray()),
            ElementType.Int64 => torch.tensor(MemoryMarshal.Cast<byte, long>(source.Bytes(name)).ToArray()),
            ElementType.Int32 => torch.tensor(MemoryMarshal.Cast<byte, int>(source.Bytes(name)).ToArray()),
            ElementType.UInt8 => torch.tensor(source.Bytes(name).ToArray()),
            _ => torch.tensor(source.Float32(name)),
        };
        return flat.reshape([.. entry.Shape]);
    }

    /// <summary>A recorded tensor, or null.</summary>
    public Tensor? TensorOrNull(string name) => Has(name) ? Tensor(name) : null;

    /// <summary>Compares a computed tensor with a recorded one.</summary>
    /// <param name="actual">What was computed; null counts as zeros, as a gradient that never arrived does.</param>
    /// <param name="name">Name of the recorded tensor.</param>
    /// <param name="tolerance">Largest difference, as a fraction of <paramref name="scale"/>.</param>
    /// <param name="scale">Magnitude the tolerance is relative to.</param>
    public GoldenResult Compare(Tensor? actual, string name, double tolerance, double scale = 1)
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        var expected = Tensor(name);
        if (actual is not null && !actual.shape.AsSpan().SequenceEqual(expected.shape))
        {
            return new GoldenResult(Name, name, double.NaN, tolerance, GoldenVerdict.Failed, $"shape is [{string.Join(", ", actual.shape)}], not [{string.Join(", ", expected.shape)}]");
        }

        var wanted = expected.to(torch.ScalarType.Float64);
        var difference = actual is null ? wanted : actual.detach().cpu().to(torch.ScalarType.Float64).sub(wanted);
        return GoldenResult.Compare(Name, name, difference.numel() == 0 ? 0 : difference.abs().max().item<double>() / scale, tolerance);
    }

    /// <summary>Like <see cref="Compare"/>, relative to the largest recorded magnitude where that is above 1.</summary>
    public GoldenResult CompareScaled(Tensor? actual, string name, double tolerance) => Compare(actual, name, tolerance, Math.Max(1, Magnitude(name)));

    /// <summary>Compares two numbers relative to the recorded one where that is above 1.</summary>
    public GoldenResult CompareNumber(string part, double actual, double expected, double tolerance)
        => GoldenResult.Compare(Name, part, Math.Abs(actual - expected) / Math.Max(1, Math.Abs(expected)), tolerance);

    /// <summary>Largest absolute value of a recorded tensor.</summary>
    public double Magnitude(string name)
    {
        using var scope = torch.NewDisposeScope();
        var tensor = Tensor(name);
        return tensor.numel() == 0 ? 0 : tensor.to(torch.ScalarType.Float64).abs().max().item<double>();
    }

    /// <inheritdoc/>
    public void Dispose() => file?.Dispose();
}
