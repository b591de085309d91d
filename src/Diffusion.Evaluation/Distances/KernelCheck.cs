using System.Text.Json.Nodes;
using Diffusion.Evaluation.Golden;

namespace Diffusion.Evaluation.Distances;

/// <summary>Recorded features and the kernel and Fréchet distances between them.</summary>
internal sealed class KernelCheck : IGoldenCheck
{
    // Vectors are stored as float32 here; of the recorded numbers some were computed in float32, and Fréchet distances with 1e-8 added to the diagonals.
    private const double Tolerance = 1e-6;
    private const double SinglePrecisionTolerance = 1e-5;

    public string Kind => "kid_fid";

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
    {
        var x = Vectors(golden.Json, "x");
        var y = Vectors(golden.Json, "y");
        return [.. golden.Json.List("rows").SelectMany((row, i) => GoldenParts.Guarded(golden, $"rows[{i}]", () => [Run(golden, row as JsonObject ?? throw new FormatException("it is no object."), i, x, y)]))];
    }

    private static GoldenResult Run(GoldenCase golden, JsonObject row, int index, Set x, Set y)
    {
        string what = row.Text("what");
        int partSize = (int)row.NumberOr("max_size", KernelDistance.DefaultPartSize);
        double? actual = what switch
        {
            "kid" or "mmd2" => KernelDistance.Between(x.Values, y.Values, x.Dimension, partSize).Value,
            "kid-same" => KernelDistance.Between(x.Values, x.Values, x.Dimension, partSize).Value,
            "fid" => FrechetDistance.Between(x.Distribution(), y.Distribution()),
            _ => null,
        };
        string part = $"rows[{index}].{what}";
        return actual is { } value
            ? golden.CompareNumber(part, value, row.Number("value"), row.Text("dtype") == "f32" ? SinglePrecisionTolerance : Tolerance)
            : GoldenResult.Skip(golden.Name, part, $"no check for '{what}'");
    }

    private static Set Vectors(JsonObject json, string key)
    {
        double[][] rows = [.. json.List(key).Select((row, i) => (row as JsonArray ?? throw new FormatException($"{key}[{i}] is no list.")).Select(v => GoldenJson.Number(v, key)).ToArray())];
        return rows.Length > 0 && rows.All(r => r.Length == rows[0].Length)
            ? new Set([.. rows.SelectMany(r => r).Select(v => (float)v)], rows[0].Length)
            : throw new FormatException($"'{key}' is no table of numbers.");
    }

    private sealed record Set(float[] Values, int Dimension)
    {
        public FeatureDistribution Distribution()
        {
            var statistics = new FeatureStatistics(Dimension);
            statistics.Add(Values);
            return statistics.Distribution();
        }
    }
}
