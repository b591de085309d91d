using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Snapshots.Scores;

/// <summary>One measured number with everything that is needed to know what it means and what it may be compared with.</summary>
public sealed record Score
{
    private const string GuidanceKey = "guidance";
    private const double Normal95 = 1.959963984540054;

    /// <summary>Which metric; see <see cref="MetricNames"/>.</summary>
    public required string Metric { get; init; }

    /// <summary>The number. Smaller is better.</summary>
    public required double Value { get; init; }

    /// <summary>Standard error of <see cref="Value"/>; null where it is not known.</summary>
    public double? StandardError { get; init; }

    /// <summary>n: images that were sampled, or measured on.</summary>
    public required long Count { get; init; }

    /// <summary>What the metric is expected to approach as n grows, extrapolated in 1/n; null where that could not be estimated. Equal to <see cref="Value"/> for unbiased metrics.</summary>
    public double? Extrapolated { get; init; }

    /// <summary>Seed of the first image; the others follow one by one.</summary>
    public long FirstSeed { get; init; }

    /// <summary>SHA-256 (hex) of the reference the images were compared with; for a loss, of the held-out images.</summary>
    public required string ReferenceHash { get; init; }

    /// <summary>Feature space; null where the metric needs none.</summary>
    public FeatureSpace? Features { get; init; }

    /// <summary>How samples were made (sampler and all its options), or how the loss was measured. Every option is written out, also those at their defaults.</summary>
    public required ComponentConfig Settings { get; init; }

    /// <summary>SHA-256 (hex) of the guiding network's file; null without guidance.</summary>
    public string? GuideHash { get; init; }

    /// <summary>The run; empty for a network that belongs to none.</summary>
    public required string RunId { get; init; }

    /// <summary>Snapshot time, in images.</summary>
    public required long ImagesSeen { get; init; }

    /// <summary>EMA length σ_rel.</summary>
    public required double RelativeStd { get; init; }

    /// <summary>Content digest of the weights file; null where it carried none.</summary>
    public string? WeightsHash { get; init; }

    /// <summary>When it was measured.</summary>
    public required DateTimeOffset MeasuredAt { get; init; }

    /// <summary>How much of <see cref="Value"/> is due to n being finite: value − extrapolated value.</summary>
    public double? Bias => Value - Extrapolated;

    /// <summary>Seed of the last image.</summary>
    public long LastSeed => FirstSeed + Count - 1;

    /// <summary>Guidance weight; 1 without guidance.</summary>
    public double Guidance => Number(Settings.Options[GuidanceKey]) ?? 1;

    /// <summary>The interval that holds the metric with 95 % confidence, as far as the standard error says; null without one.</summary>
    public (double Low, double High)? Interval => StandardError is { } error ? (Value - (Normal95 * error), Value + (Normal95 * error)) : null;

    /// <summary>
    /// Equal for two numbers exactly when they may stand on one curve over run, snapshot time and length: the same metric, n, reference, features, guiding
    /// network and settings. Seeds are not part of it: other seeds are a repetition.
    /// </summary>
    public string ComparableKey => Digest(Protocol(withGuidance: true));

    /// <summary>As <see cref="ComparableKey"/>, for curves over the guidance weight: it may differ.</summary>
    public string ComparableKeyOverGuidance => Digest(Protocol(withGuidance: false));

    /// <summary>What two measurements of the very same thing share: <see cref="ComparableKey"/>, run, time, length and seeds. A later one replaces an earlier one.</summary>
    public string Identity => Digest(string.Create(CultureInfo.InvariantCulture, $"{Protocol(withGuidance: true)}\n{RunId}\n{ImagesSeen}\n{RelativeStd:R}\n{FirstSeed}"));

    /// <summary>The conditions of the measurement in words, for headings.</summary>
    public string Conditions => string.Create(CultureInfo.InvariantCulture,
        $"{Metric}, n = {Count}{(ReferenceHash.Length == 0 ? "" : $", reference {Short(ReferenceHash)}")}{(Features is { } f ? $", features {f.Name} {Short(f.Hash)} ({f.Input})" : "")}, {SettingsText}{(GuideHash is null ? "" : $", guide {Short(GuideHash)}")}");

    private string SettingsText => Number(Settings.Options["steps"]) is { } steps
        ? string.Create(CultureInfo.InvariantCulture, $"{Settings.Kind} {steps} steps{(Guidance == 1 ? "" : $", guidance {Guidance:0.###}")}")
        : Settings.Kind;

    private static string Short(string hash) => hash[..Math.Min(8, hash.Length)];

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];

    private string Protocol(bool withGuidance)
    {
        var options = Settings.Options.Where(o => withGuidance || o.Key != GuidanceKey).OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={Canonical(o.Value)}");
        string features = Features is { } space ? $"{space.Hash} {space.Input} {space.Dimension}" : "";

        // With weight 1 the guiding network is not evaluated, so it makes no difference but on a curve over the weight.
        string? guide = withGuidance && Guidance == 1 ? null : GuideHash;
        return string.Create(CultureInfo.InvariantCulture, $"{Metric}\n{Count}\n{ReferenceHash}\n{features}\n{guide}\n{Settings.Kind}\n{string.Join('\n', options)}");
    }

    // 1 and 1.0 are the same setting.
    private static string Canonical(JsonNode? value) => Number(value)?.ToString("R", CultureInfo.InvariantCulture) ?? value?.ToJsonString() ?? "null";

    private static double? Number(JsonNode? value) => value is JsonValue number && number.GetValueKind() == JsonValueKind.Number ? number.Deserialize<double>() : null;
}
