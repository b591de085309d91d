using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Serving.Evaluations;

/// <summary>One number that a job asks for.</summary>
/// <param name="Name">See <see cref="MetricNames"/>.</param>
/// <param name="ReferenceHash">Digest of what the reference holds for it; for a loss, of the held-out images.</param>
/// <param name="Features">Feature space; null where the metric needs none.</param>
public sealed record MetricRequest(string Name, string ReferenceHash, FeatureSpace? Features = null);

/// <summary>The network that guides sampling.</summary>
/// <param name="Hash">Digest by which scores name it.</param>
/// <param name="Run">Run it is a snapshot of; empty for an uploaded file.</param>
/// <param name="ImagesSeen">Its snapshot time.</param>
/// <param name="RelativeStd">Its EMA length.</param>
/// <param name="Artifact">Digest of an uploaded file; null for a snapshot of a run.</param>
public sealed record GuideWeights(string Hash, string Run, long ImagesSeen, double RelativeStd, string? Artifact = null);

/// <summary>One measurement: weights, what is measured, how, and on which seeds. Everything that decides the bits of the result is in it, and nothing of who computes it.</summary>
public sealed record EvaluationJob
{
    /// <summary>Most seeds of a job.</summary>
    public const int MostSeeds = 10_000_000;

    private const int MostParts = 100_000;

    /// <summary>Name of the run.</summary>
    public required string Run { get; init; }

    /// <summary>Its unique id; the server fills it in.</summary>
    public string RunId { get; init; } = "";

    /// <summary>Snapshot time; −1 for the latest, which the server fills in.</summary>
    public long ImagesSeen { get; init; } = -1;

    /// <summary>EMA length σ_rel.</summary>
    public required double RelativeStd { get; init; }

    /// <summary>What is measured: fd, kid and swd may share a job; the loss, and each external metric, has its own.</summary>
    public required IReadOnlyList<MetricRequest> Metrics { get; init; }

    /// <summary>Sampler, or how the loss is measured, with every option written out.</summary>
    public required ComponentConfig Settings { get; init; }

    /// <summary>Guiding network; null without.</summary>
    public GuideWeights? Guide { get; init; }

    /// <summary>First seed; the first held-out image is 0.</summary>
    public long FirstSeed { get; init; }

    /// <summary>n: seeds, or held-out images.</summary>
    public required int Count { get; init; }

    /// <summary>Images at once.</summary>
    /// <value>64.</value>
    public int Batch { get; init; } = 64;

    /// <summary>Seeds of a part, a multiple of <see cref="Batch"/>.</summary>
    /// <value>256.</value>
    public int PartSeeds { get; init; } = 256;

    /// <summary>Threads of each device that computes.</summary>
    /// <value>1.</value>
    public int Threads { get; init; } = 1;

    /// <summary>SHA-256 of the uploaded reference statistics; null without.</summary>
    public string? Reference { get; init; }

    /// <summary>SHA-256 of the uploaded held-out images; null without.</summary>
    public string? HeldOut { get; init; }

    /// <summary>SHA-256 of the uploaded feature network, which must be one of <c>features train</c>; null without.</summary>
    public string? Features { get; init; }

    /// <summary>SHA-256 of a TorchScript feature network that evaluators were started with; null without.</summary>
    public string? TrustedFeatures { get; init; }

    /// <summary>SHA-256 of a TorchScript autoencoder that evaluators were started with; null without.</summary>
    public string? TrustedAutoencoder { get; init; }

    /// <summary>Digest of everything that decides the result.</summary>
    [JsonIgnore]
    public string Key => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(StrictJson.Write(this with { Run = "", Metrics = [.. Metrics.Select(Unnamed)] }))))[..32];

    /// <summary>Whether another program measures it.</summary>
    [JsonIgnore]
    public bool IsExternal => Metrics.Any(m => MetricNames.IsExternal(m.Name));

    /// <summary>The parts it is cut into; who or how many compute them makes no difference.</summary>
    [JsonIgnore]
    public IReadOnlyList<SeedRange> Parts => SeedRange.Cut(FirstSeed, Count, PartSeeds);

    /// <summary>Uploaded files it needs.</summary>
    [JsonIgnore]
    public IEnumerable<string> Artifacts => new[] { Reference, HeldOut, Features, Guide?.Artifact }.OfType<string>();

    /// <summary>TorchScript files that an evaluator must have been started with.</summary>
    [JsonIgnore]
    public IEnumerable<string> Trusted => new[] { TrustedFeatures, TrustedAutoencoder }.OfType<string>();

    /// <summary>What the score of a metric will be, but for its number.</summary>
    public Score Expected(MetricRequest metric) => new()
    {
        Metric = metric.Name,
        Value = 0,
        Count = Count,
        FirstSeed = FirstSeed,
        ReferenceHash = metric.ReferenceHash,
        Features = metric.Features,
        Settings = Settings,
        GuideHash = Guide?.Hash,
        RunId = RunId,
        ImagesSeen = ImagesSeen,
        RelativeStd = RelativeStd,
        MeasuredAt = DateTimeOffset.UnixEpoch,
    };

    // The name of a feature network's file is for people.
    private static MetricRequest Unnamed(MetricRequest metric) => metric with { Features = metric.Features is { } space ? space with { Name = "" } : null };

    /// <summary>Everything that is wrong with it by itself.</summary>
    public IEnumerable<string> Problems()
    {
        string[] names = [.. Metrics.Select(m => m.Name)];
        if (names.Length == 0 || names.Distinct().Count() != names.Length)
        {
            yield return $"metrics are '{string.Join(',', names)}'; name each that is wanted, once. There are {string.Join(", ", MetricNames.All)} and {MetricNames.ExternalPrefix}NAME.";
        }

        foreach (string unknown in names.Where(n => !MetricNames.All.Contains(n) && !MetricNames.IsExternal(n)))
        {
            yield return $"'{unknown}' is no metric. There are {string.Join(", ", MetricNames.All)} and {MetricNames.ExternalPrefix}NAME.";
        }

        if (names.Length > 1 && names.FirstOrDefault(n => n == MetricNames.HeldOutLoss || MetricNames.IsExternal(n)) is { } alone)
        {
            yield return $"'{alone}' shares a job with {string.Join(", ", names.Where(n => n != alone))}; it is measured in its own way: submit it as a job of its own.";
        }

        if (!(RelativeStd > 0 && RelativeStd < PowerFunctionProfile.MaxRelativeStd))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"Length {RelativeStd} is not in (0, {PowerFunctionProfile.MaxRelativeStd}). Lengths are fractions of training time: 0.05 means 5 %.");
        }

        if (Count is < 2 or > MostSeeds || FirstSeed < 0)
        {
            yield return $"count is {Count} from seed {FirstSeed}; 2 to {MostSeeds} seeds from 0 or more are needed.";
        }

        if (Batch < 1 || PartSeeds < 1 || PartSeeds % Batch != 0 || Count / Math.Max(1, PartSeeds) > MostParts)
        {
            yield return $"part_seeds is {PartSeeds} with a batch of {Batch}; a multiple of the batch is needed, and at most {MostParts} parts.";
        }

        if (Threads is < 1 or > 1024)
        {
            yield return $"threads is {Threads}; 1 to 1024.";
        }

        foreach (string digest in Artifacts.Concat(Trusted).Where(d => !EvaluationFiles.IsDigest(d)))
        {
            yield return $"'{digest}' is no SHA-256 in lower-case hexadecimal.";
        }
    }
}
