using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Diffusion.Evaluation.Golden;

/// <summary>Reading of recorded descriptions. What is missing or of another type is told by its key.</summary>
internal static partial class GoldenJson
{
    /// <summary>Parses a description; Python writes infinities and NaN as bare words, which are no JSON and become strings here.</summary>
    /// <exception cref="JsonException">It is no JSON even so.</exception>
    public static JsonNode? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException) when (BareWord().IsMatch(text))
        {
            return JsonNode.Parse(BareWord().Replace(text, "\"$1\""));
        }
    }

    public static JsonNode Required(this JsonObject row, string key) => row[key] ?? throw new FormatException($"'{key}' is missing.");

    public static double Number(this JsonObject row, string key) => Number(row.Required(key), key);

    public static double NumberOr(this JsonObject row, string key, double otherwise) => row[key] is { } value ? Number(value, key) : otherwise;

    public static long Integer(this JsonObject row, string key) => Integer(row.Required(key), key);

    public static string Text(this JsonObject row, string key) => Text(row.Required(key), key);

    public static double[] Numbers(this JsonObject row, string key) => [.. row.List(key).Select(value => Number(value, key))];

    public static long[] Integers(this JsonObject row, string key) => [.. row.List(key).Select(value => Integer(value, key))];

    public static string[] Texts(this JsonObject row, string key) => [.. row.List(key).Select(value => Text(value, key))];

    public static JsonArray List(this JsonObject row, string key) => row.Required(key) as JsonArray ?? throw new FormatException($"'{key}' is no list.");

    public static double Number(JsonNode? node, string key)
    {
        var value = node as JsonValue;
        if (value is not null && value.TryGetValue(out double number))
        {
            return number;
        }

        string? text = value is not null && value.TryGetValue(out string? found) ? found : null;
        return text?.TrimStart('+') switch
        {
            "inf" or "Infinity" => double.PositiveInfinity,
            "-inf" or "-Infinity" => double.NegativeInfinity,
            "nan" or "NaN" => double.NaN,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed) ? parsed : throw new FormatException($"'{key}' is no number."),
        };
    }

    public static long Integer(JsonNode? node, string key)
    {
        if (node is JsonValue value && value.TryGetValue(out long integer))
        {
            return integer;
        }

        // 8388608.0 is one too.
        double number = Number(node, key);
        return number == Math.Floor(number) && Math.Abs(number) < 1L << 53 ? (long)number : throw new FormatException($"'{key}' is no integer.");
    }

    public static string Text(JsonNode? node, string key)
        => node is JsonValue value && value.TryGetValue(out string? text) ? text : throw new FormatException($"'{key}' is no string.");

    [GeneratedRegex(@"(?<=[:\[,]\s*)(-?Infinity|NaN)(?=\s*[,\]}])")]
    private static partial Regex BareWord();
}
