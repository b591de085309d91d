using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Evaluation.Golden;

/// <summary>Recorded numbers: a JSON file that describes them, beside a safetensors file that may hold them. Any part may be absent.</summary>
public sealed class GoldenCase : IDisposable
{
    private readonly SafetensorsFile? file;
    private readonly HashSet<string> names = [];

    private GoldenCase(string path, JsonObject json, Device? device, ComputePrecision precision)
    {
        Path = path;
        Json = json;
        Device = device ?? torch.CPU;
        Precision = precision;
        string stem = System.IO.Path.GetFileNameWithoutExtension(path), directory = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        Name = stem;
        try
        {
            Kind = Text("kind") ?? "";

            // A case without a name of its own goes by its folder too: such files are called alike.
            Name = Text("name") ?? $"{System.IO.Path.GetFileName(directory)}/{stem}";
            string tensors = System.IO.Path.Combine(directory, System.IO.Path.GetFileName(Text("tensors_file") ?? (Text("name") ?? stem) + ".safetensors"));
            file = File.Exists(tensors) ? SafetensorsFile.Open(tensors) : null;
            names = [.. file?.Tensors.Select(entry => entry.Name) ?? []];
            MissingTensors = file is null && Text("tensors_file") is not null ? tensors : null;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or IOException or UnauthorizedAccessException or InvalidDataException)
        {
            Fault = exception.Message;
        }
    }

    /// <summary>The JSON file.</summary>
    public string Path { get; }

    /// <summary>Which check applies.</summary>
    public string Kind { get; } = "";

    /// <summary>The case's own name; other cases refer to it by this.</summary>
    public string Name { get; }

    /// <summary>Where <see cref="Tensor"/> puts tensors, hence where networks run.</summary>
    public Device Device { get; }

    /// <summary>Number format of the image path of networks.</summary>
    public ComputePrecision Precision { get; }

    /// <summary>What the roundings of a number format add up to through a network of some twenty layers and back, of the largest magnitude: 2⁻¹¹ and 2⁻⁸ for one.</summary>
    private double Rounding => Precision switch { ComputePrecision.Float16 => 0.02, ComputePrecision.BFloat16 => 0.1, _ => 0 };

    /// <summary>Why the case cannot be used at all, or null.</summary>
    public string? Fault { get; private init; }

    /// <summary>File of tensors that the description names and that is not there, or null.</summary>
    public string? MissingTensors { get; }

    /// <summary>The description.</summary>
    public JsonObject Json { get; }

    /// <summary>Names of all recorded tensors.</summary>
    public IReadOnlyCollection<string> TensorNames => names;

    /// <summary>Opens a case, or returns null for a JSON file that is none. A case that is damaged opens with its <see cref="Fault"/>.</summary>
    /// <param name="path">The JSON file.</param>
    /// <param name="device">Where networks run; null for the CPU.</param>
    /// <param name="precision">Number format of the image path of networks.</param>
    public static GoldenCase? TryOpen(string path, Device? device = null, ComputePrecision precision = ComputePrecision.Float32)
    {
        string text = File.ReadAllText(path);
        bool saysKind = text.Contains("\"kind\"", StringComparison.Ordinal);
        try
        {
            // Directories of cases hold other JSON too; only an object with a kind is a case.
            return saysKind && GoldenJson.Parse(text) is JsonObject json && json["kind"] is JsonValue kind && kind.GetValueKind() == JsonValueKind.String ? new GoldenCase(path, json, device, precision) : null;
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException)
        {
            return saysKind ? new GoldenCase(path, [], device, precision) { Fault = exception.Message } : null;
        }
    }

    /// <summary>A string of the description, or null.</summary>
    public string? Text(string key) => Json[key] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    /// <summary>Whether all these tensors were recorded.</summary>
    public bool Has(params IEnumerable<string> tensors) => tensors.All(names.Contains);

    /// <summary>Names that begin with the prefix, without it.</summary>
    public IEnumerable<string> Under(string prefix) => names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..]).Order(StringComparer.Ordinal);

    /// <summary>A recorded tensor on <see cref="Device"/>; otherwise like <see cref="Recorded"/>.</summary>
    /// <exception cref="KeyNotFoundException">It was not recorded.</exception>
    public Tensor Tensor(string name) => Recorded(name).to(Device);

    /// <summary>A recorded tensor on the CPU, in its own type (half floats widened to float32); it belongs to the caller's dispose scope.</summary>
    /// <exception cref="KeyNotFoundException">It was not recorded.</exception>
    public Tensor Recorded(string name)
    {
        var source = Source;
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

    /// <summary>Values of a recorded tensor of floating-point type.</summary>
    /// <exception cref="KeyNotFoundException">It was not recorded.</exception>
    public float[] Values(string name) => Source.Float32(name);

    /// <summary>Type and shape of a recorded tensor.</summary>
    /// <exception cref="KeyNotFoundException">It was not recorded.</exception>
    public TensorEntry Entry(string name) => Source.Entry(name);

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
        tolerance = Math.Max(tolerance, Rounding);
        var expected = Recorded(name);
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
        => GoldenResult.Compare(Name, part, Math.Abs(actual - expected) / Math.Max(1, Math.Abs(expected)), Math.Max(tolerance, Rounding));

    /// <summary>Largest absolute value of a recorded tensor.</summary>
    public double Magnitude(string name)
    {
        using var scope = torch.NewDisposeScope();
        var tensor = Recorded(name);
        return tensor.numel() == 0 ? 0 : tensor.to(torch.ScalarType.Float64).abs().max().item<double>();
    }

    /// <inheritdoc/>
    public void Dispose() => file?.Dispose();

    private SafetensorsFile Source => file ?? throw new KeyNotFoundException($"Case {Name} has no file of tensors.");
}
