using System.Text.Json.Nodes;
using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Evaluation.Golden;

/// <summary>Power-function averages: lengths, decays, inner products, responses and the coefficients of post-hoc solves. All in double precision.</summary>
internal sealed class PhemaCheck : IGoldenCheck
{
    private const double Tolerance = 1e-12;

    // A root of a cubic with coefficients near 1/σ² is known to fewer digits, and the inner product is a power of it.
    private const double ExponentTolerance = 1e-10;
    private const double CoefficientTolerance = 1e-7;
    private const double SumTolerance = 1e-9;
    private const string Solves = "solve";

    private static readonly Dictionary<string, (double Tolerance, Func<JsonObject, double> Error)> Parts = new()
    {
        ["std_to_exp"] = (ExponentTolerance, row => GoldenParts.Scaled(new PowerFunctionProfile(row.Number("std")).Exponent, row.Number("exp"))),
        ["exp_to_std"] = (Tolerance, row => GoldenParts.Scaled(PowerFunctionProfile.RelativeStdOf(row.Number("exp")), row.Number("std"))),
        ["beta"] = (Tolerance, row => GoldenParts.Scaled(new PowerFunctionProfile(row.Number("std")).Beta(row.Integer("t_next"), row.Integer("t_delta")), row.Number("beta"))),
        ["correlation"] = (ExponentTolerance, Correlation),
        ["response"] = (Tolerance, row => GoldenParts.Largest(
            new PowerFunctionProfile(row.Number("std")).DiscreteResponse((int)row.Integer("ofs"), (int)row.Integer("len")), row.Numbers("resp"), GoldenParts.Scaled)),
    };

    public string Kind => "phema";

    /// <summary>Error of coefficients [input][output], relative to the largest of an output where that is above 1: they cancel.</summary>
    public static double CoefficientError(IReadOnlyList<PostHocSolution> solutions, double[][] expected)
    {
        double largest = 0;
        for (int output = 0; output < solutions.Count; output++)
        {
            double[] column = [.. expected.Select(row => row[output])];
            double scale = Math.Max(1, column.Max(Math.Abs));
            largest = Math.Max(largest, GoldenParts.Largest(solutions[output].Coefficients, column, (actual, wanted) => Math.Abs(actual - wanted) / scale));
        }

        return largest;
    }

    /// <summary>Recorded coefficients as [input][output].</summary>
    /// <exception cref="FormatException">They are no matrix of that many outputs.</exception>
    public static double[][] Coefficients(JsonObject row, int outputs)
    {
        double[][] matrix = [.. row.List("coefs").Select(line => (line as JsonArray ?? throw new FormatException("'coefs' is no list of lists.")).Select(value => GoldenJson.Number(value, "coefs")).ToArray())];
        if (row["coefs_layout"] is JsonValue layout && layout.TryGetValue(out string? words) && words.EndsWith("[output][input]", StringComparison.Ordinal))
        {
            matrix = [.. Enumerable.Range(0, matrix.Max(line => line.Length)).Select(input => matrix.Select(line => line[input]).ToArray())];
        }

        return matrix.All(line => line.Length == outputs) ? matrix : throw new FormatException($"'coefs' does not have {outputs} outputs for every input.");
    }

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
        => [.. GoldenParts.Of(golden.Json).SelectMany(part => GoldenParts.Guarded(golden, part.Key, () => Run(golden, part.Key, part.Value)))];

    private static IEnumerable<GoldenResult> Run(GoldenCase golden, string key, JsonNode rows)
    {
        if (key == Solves && rows is JsonArray solves)
        {
            return solves.SelectMany((row, i) => GoldenParts.Guarded(golden, $"{Solves}[{i}]", () => Solve(golden, $"{Solves}[{i}]", row as JsonObject ?? throw new FormatException("it is no object."))));
        }

        return [Parts.TryGetValue(key, out var known) ? GoldenParts.Rows(golden, key, rows, known.Tolerance, known.Error) : GoldenResult.Skip(golden.Name, key, "no check for this part")];
    }

    private static double Correlation(JsonObject row)
    {
        double[] a = row.Numbers("a"), b = row.Numbers("b");
        return GoldenParts.Relative(PowerFunctionProfile.InnerProduct(new PowerFunctionProfile(a[1]), a[0], new PowerFunctionProfile(b[1]), b[0]), row.Number("value"));
    }

    private static IEnumerable<GoldenResult> Solve(GoldenCase golden, string part, JsonObject row)
    {
        double[] lengths = row.Numbers("in_std"), wanted = row.Numbers("out_std");
        long[] times = Times(row, "in_ofs", lengths.Length), ends = Times(row, "out_ofs", wanted.Length);
        var solutions = PostHocSolver.Solve([.. times.Zip(lengths, (time, std) => new ProfileAt(time, std))], [.. ends.Zip(wanted, (time, std) => new ProfileAt(time, std))]);
        string? title = row["title"]?.ToString();
        if (row.ContainsKey("coefs"))
        {
            yield return GoldenResult.Compare(golden.Name, part + ".coefs", CoefficientError(solutions, Coefficients(row, wanted.Length)), CoefficientTolerance, title);
        }

        if (row.ContainsKey("column_sums"))
        {
            yield return GoldenResult.Compare(golden.Name, part + ".column_sums", GoldenParts.Largest([.. solutions.Select(solution => solution.Coefficients.Sum())], row.Numbers("column_sums"), GoldenParts.Scaled), SumTolerance, title);
        }
    }

    /// <summary>One time for each length, or one for all.</summary>
    private static long[] Times(JsonObject row, string key, int count)
    {
        long[] times = row.Required(key) is JsonArray ? row.Integers(key) : [.. Enumerable.Repeat(row.Integer(key), count)];
        return times.Length == count ? times : throw new FormatException($"'{key}' has {times.Length} times for {count} lengths.");
    }
}
