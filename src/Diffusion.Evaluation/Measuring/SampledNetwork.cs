using System.Text.Json;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Model;
using Diffusion.Model.Sampling;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Evaluation.Measuring;

/// <summary>Which network was measured, and how its images were made.</summary>
public sealed record SampledNetwork
{
    /// <summary>The run; empty for a network that belongs to none.</summary>
    public string RunId { get; init; } = "";

    /// <summary>Snapshot time, in images.</summary>
    public required long ImagesSeen { get; init; }

    /// <summary>EMA length σ_rel.</summary>
    public required double RelativeStd { get; init; }

    /// <summary>Content digest of the weights file.</summary>
    public string? WeightsHash { get; init; }

    /// <summary>Sampler with every option written out; see <see cref="Effective"/>.</summary>
    public required ComponentConfig Settings { get; init; }

    /// <summary>SHA-256 (hex) of the guiding network's file.</summary>
    public string? GuideHash { get; init; }

    /// <summary>A sampler's configuration with the options that were left at their defaults written out, so that equal settings look equal.</summary>
    /// <exception cref="ConfigurationException">An option is unknown.</exception>
    public static ComponentConfig Effective(ComponentConfig sampler) => sampler.Kind == ModelParts.HeunSampler
        ? sampler with { Options = (JsonObject)JsonSerializer.SerializeToNode(sampler.Read<HeunOptions>("sampler"), StrictJson.Options)! }
        : sampler;

    /// <summary>What identifies the images of a seed: partial results of two measurements may be merged when this is the same.</summary>
    public string Subject => $"{WeightsHash} {GuideHash} {JsonSerializer.Serialize(Settings)}";

    internal Score Score(string metric, double value, double? error, long count, string referenceHash, DateTimeOffset measuredAt) => new()
    {
        Metric = metric,
        Value = value,
        StandardError = error,
        Count = count,
        ReferenceHash = referenceHash,
        Settings = Settings,
        GuideHash = GuideHash,
        RunId = RunId,
        ImagesSeen = ImagesSeen,
        RelativeStd = RelativeStd,
        WeightsHash = WeightsHash,
        MeasuredAt = measuredAt,
    };
}
