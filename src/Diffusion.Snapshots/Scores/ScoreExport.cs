using System.Globalization;
using System.Text;
using System.Text.Json;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Snapshots.Scores;

/// <summary>Scores for other programs.</summary>
public static class ScoreExport
{
    private static readonly (string Name, Func<Score, object?> Value)[] Columns =
    [
        ("comparable_key", s => s.ComparableKey),
        ("run_id", s => s.RunId),
        ("images_seen", s => s.ImagesSeen),
        ("sigma_rel", s => s.RelativeStd),
        ("metric", s => s.Metric),
        ("value", s => s.Value),
        ("standard_error", s => s.StandardError),
        ("interval_low", s => s.Interval?.Low),
        ("interval_high", s => s.Interval?.High),
        ("n", s => s.Count),
        ("extrapolated", s => s.Extrapolated),
        ("bias", s => s.Bias),
        ("first_seed", s => s.FirstSeed),
        ("last_seed", s => s.LastSeed),
        ("reference_hash", s => s.ReferenceHash),
        ("features", s => s.Features?.Name),
        ("feature_hash", s => s.Features?.Hash),
        ("feature_input", s => s.Features?.Input),
        ("guidance", s => s.Guidance),
        ("guide_hash", s => s.GuideHash),
        ("settings", s => JsonSerializer.Serialize(s.Settings)),
        ("weights_hash", s => s.WeightsHash),
        ("measured_at", s => s.MeasuredAt.ToString("O", CultureInfo.InvariantCulture)),
    ];

    /// <summary>Comma-separated values (RFC 4180) with a line of names; an unknown value is empty.</summary>
    public static string Csv(IEnumerable<Score> scores)
    {
        var text = new StringBuilder();
        text.AppendJoin(',', Columns.Select(c => c.Name)).Append("\r\n");
        foreach (var score in scores)
        {
            text.AppendJoin(',', Columns.Select(c => Field(c.Value(score)))).Append("\r\n");
        }

        return text.ToString();
    }

    /// <summary>A JSON array of objects, with the settings as an object.</summary>
    public static string Json(IEnumerable<Score> scores) => JsonSerializer.Serialize(
        scores.Select(s => Columns.ToDictionary(c => c.Name, c => c.Name == "settings" ? s.Settings : c.Value(s))),
        StrictJson.Options) + "\n";

    private static string Field(object? value)
    {
        string text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        return text.AsSpan().IndexOfAny(",\"\r\n") >= 0 ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }
}
