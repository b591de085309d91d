using System.Text.Json;
using System.Text.Json.Nodes;

namespace Diffusion.Evaluation.Golden;

/// <summary>What checks of cases with many parts share: a part that cannot be computed fails alone, one that nobody knows is named.</summary>
internal static class GoldenParts
{
    private const int LongestQuote = 160;

    private static readonly string[] Descriptive = ["kind", "name", "title", "tensors_file"];

    /// <summary>Parts of a description by their keys; what is in words describes the case or another part.</summary>
    public static IEnumerable<KeyValuePair<string, JsonNode>> Of(JsonObject description)
        => description.Where(pair => pair.Value is not null && pair.Value.GetValueKind() != JsonValueKind.String && !Descriptive.Contains(pair.Key))
            .Select(pair => KeyValuePair.Create(pair.Key, pair.Value!));

    /// <summary>Results of a part; whatever stops it becomes its failure.</summary>
    public static IReadOnlyList<GoldenResult> Guarded(GoldenCase golden, string part, Func<IEnumerable<GoldenResult>> run)
    {
        using var scope = torch.NewDisposeScope();
        try
        {
            return [.. run()];
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return [GoldenResult.Failure(golden.Name, part, exception)];
        }
    }

    /// <summary>One result for a list of rows: the largest error found, and which row had it if that is too large.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="part">Key of the list.</param>
    /// <param name="rows">The list.</param>
    /// <param name="tolerance">Largest error allowed in any row.</param>
    /// <param name="error">Error of one row.</param>
    public static GoldenResult Rows(GoldenCase golden, string part, JsonNode rows, double tolerance, Func<JsonObject, double> error)
    {
        if (rows is not JsonArray { Count: > 0 } list)
        {
            return GoldenResult.Skip(golden.Name, part, "it has no rows");
        }

        double largest = 0;
        string? remark = null;
        for (int i = 0; i < list.Count; i++)
        {
            double found;
            string? reason = null;
            try
            {
                found = error(list[i] as JsonObject ?? throw new FormatException("it is no object."));
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                (found, reason) = (double.NaN, $": {exception.Message}");
            }

            // The first NaN stays: nothing is larger than a row that could not be computed.
            if (!double.IsNaN(largest) && !(found <= largest))
            {
                largest = found;
                remark = found <= tolerance ? null : $"row {i}{reason}, {Quote(list[i])}";
            }
        }

        return GoldenResult.Compare(golden.Name, part, largest, tolerance, remark);
    }

    /// <summary>A comparison that allows no difference.</summary>
    public static GoldenResult Same<T>(GoldenCase golden, string part, T actual, T expected)
        => EqualityComparer<T>.Default.Equals(actual, expected)
            ? GoldenResult.Compare(golden.Name, part, 0, 0)
            : GoldenResult.Compare(golden.Name, part, 1, 0, $"it is {actual}, not {expected}");

    /// <summary>A comparison of lists that allows no difference.</summary>
    public static GoldenResult SameList<T>(GoldenCase golden, string part, IEnumerable<T> actual, IEnumerable<T> expected)
        => Same(golden, part, Shortened(string.Join(", ", actual)), Shortened(string.Join(", ", expected))) is { Verdict: GoldenVerdict.Failed } failed
            ? failed
            : GoldenResult.Compare(golden.Name, part, actual.SequenceEqual(expected) ? 0 : 1, 0);

    /// <summary>|actual − expected|, relative to the latter where that is above 1.</summary>
    public static double Scaled(double actual, double expected) => actual == expected ? 0 : Math.Abs(actual - expected) / Math.Max(1, Math.Abs(expected));

    /// <summary>|actual − expected| / |expected|.</summary>
    public static double Relative(double actual, double expected) => actual == expected ? 0 : Math.Abs(actual - expected) / Math.Abs(expected);

    /// <summary>Largest error over lists of the same length.</summary>
    /// <exception cref="FormatException">The lengths differ.</exception>
    public static double Largest(IReadOnlyList<double> actual, IReadOnlyList<double> expected, Func<double, double, double> error)
    {
        if (actual.Count != expected.Count)
        {
            throw new FormatException($"there are {actual.Count} values, not {expected.Count}.");
        }

        double largest = 0;
        for (int i = 0; i < actual.Count && !double.IsNaN(largest); i++)
        {
            double found = error(actual[i], expected[i]);
            largest = found <= largest ? largest : found;
        }

        return largest;
    }

    /// <summary>0 for equal lists, else 1.</summary>
    public static double Differs<T>(IEnumerable<T> actual, IEnumerable<T> expected) => actual.SequenceEqual(expected) ? 0 : 1;

    private static string Quote(JsonNode? row) => Shortened(row?.ToJsonString() ?? "null");

    private static string Shortened(string text) => text.Length <= LongestQuote ? text : text[..LongestQuote] + "…";
}
