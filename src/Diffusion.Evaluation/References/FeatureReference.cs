using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Distances;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.References;

/// <summary>What generated images are compared with: statistics of a data set.</summary>
/// <remarks>
/// Safetensors hold everything with a digest. NumPy's <c>.npz</c>, as published for FID, holds mu and sigma alone: which network and which images they are of is the user's word.
/// </remarks>
public sealed record FeatureReference
{
    private const string KindKey = "kind";
    private const string Kind = "diffusion-reference-1";
    private const string DetailsKey = "details";
    private const string Remedy = "Make it again with 'metrics ref'.";

    /// <summary>μ and Σ in <see cref="Space"/>; null where no feature network was given.</summary>
    public FeatureDistribution? Distribution { get; init; }

    /// <summary>Feature space of <see cref="Distribution"/>; null where the file does not say.</summary>
    public FeatureSpace? Space { get; init; }

    /// <summary>Vectors of a subset of the images in <see cref="Space"/>, for kernel distances; null without.</summary>
    public float[]? Vectors { get; init; }

    /// <summary>Quantiles for the sliced Wasserstein distance, [D, 512]; null without.</summary>
    public float[]? Quantiles { get; init; }

    /// <summary>Shape of the images; null where the file does not say.</summary>
    public ImageShape? Shape { get; init; }

    /// <summary>Images that were measured; 0 where the file does not say.</summary>
    public long Count { get; init; }

    /// <summary>Where the images come from, for people.</summary>
    public string Source { get; init; } = "";

    /// <summary>SHA-256 (hex) of what a metric depends on: equal for the same statistics, whatever file they are in.</summary>
    /// <param name="metric">See <see cref="MetricNames"/>.</param>
    /// <exception cref="ArgumentException">The reference has nothing for this metric.</exception>
    public string HashFor(string metric)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        switch (metric)
        {
            case MetricNames.Frechet when Distribution is { } d:
                hash.AppendData(MemoryMarshal.AsBytes(d.Mean.AsSpan()));
                hash.AppendData(MemoryMarshal.AsBytes(Flat(d.Covariance).AsSpan()));
                break;
            case MetricNames.Kernel when Vectors is { } vectors:
                hash.AppendData(MemoryMarshal.AsBytes(vectors.AsSpan()));
                break;
            case MetricNames.SlicedWasserstein when Quantiles is { } quantiles:
                hash.AppendData(MemoryMarshal.AsBytes(quantiles.AsSpan()));
                break;
            default:
                throw new ArgumentException($"The reference holds nothing for the metric '{metric}', only for {string.Join(", ", Metrics)}.", nameof(metric));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The metrics it can serve.</summary>
    public IReadOnlyList<string> Metrics =>
    [
        .. Distribution is null ? Array.Empty<string>() : [MetricNames.Frechet],
        .. Vectors is null ? Array.Empty<string>() : [MetricNames.Kernel],
        .. Quantiles is null ? Array.Empty<string>() : [MetricNames.SlicedWasserstein],
    ];

    /// <summary>Saves the reference: <c>.npz</c> (mu and sigma alone) or <c>.safetensors</c>, by the ending. The file appears whole or not at all.</summary>
    /// <exception cref="ConfigurationException">The ending is another, or there is no mu and sigma for an <c>.npz</c>.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public void Save(string path)
    {
        RequireEnding(path);
        if (path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
        {
            var d = Distribution ?? throw new ConfigurationException($"{path}: an .npz holds mu and sigma, which need a feature network: give --features FILE, or write .safetensors.");
            NumpyArchive.Write(path, ("mu", new NumpyArray([d.Mean.Length], d.Mean)), ("sigma", new NumpyArray([d.Mean.Length, d.Mean.Length], Flat(d.Covariance))));
            return;
        }

        SaveTensors(path);
    }

    /// <summary>Refuses a name of which <see cref="Save"/> would not know the format.</summary>
    /// <exception cref="ConfigurationException">It ends otherwise.</exception>
    public static void RequireEnding(string path)
    {
        if (!path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase) && !path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
        {
            throw new ConfigurationException($"{path} ends neither in .safetensors nor in .npz, the two formats of reference statistics.");
        }
    }

    /// <summary>Loads a reference, by its ending. The digest of safetensors is verified.</summary>
    /// <exception cref="ConfigurationException">There is no such file, or its ending is another.</exception>
    /// <exception cref="DamagedFileException">It is damaged or of another kind.</exception>
    public static FeatureReference Load(string path)
    {
        RequireEnding(path);
        if (!File.Exists(path))
        {
            throw new ConfigurationException($"Reference {path} does not exist. Make one with 'metrics ref --data PATH --dest {path}'.");
        }

        return path.EndsWith(".npz", StringComparison.OrdinalIgnoreCase) ? LoadNumpy(path) : LoadTensors(path);
    }

    private static FeatureReference LoadNumpy(string path)
    {
        var arrays = NumpyArchive.Read(path, "mu", "sigma");
        return new FeatureReference { Distribution = DistributionOf(path, arrays["mu"].Values, arrays["sigma"].Values), Source = Path.GetFileName(path) };
    }

    private static FeatureDistribution DistributionOf(string path, double[] mean, double[] covariance)
    {
        int d = mean.Length;
        if (d == 0 || covariance.Length != (long)d * d || !mean.Concat(covariance).All(double.IsFinite))
        {
            throw new DamagedFileException(path, $"its mu has {d} values and its sigma {covariance.Length}; D and D × D finite ones are needed", Remedy);
        }

        var matrix = new double[d, d];
        Buffer.BlockCopy(covariance, 0, matrix, 0, covariance.Length * sizeof(double));
        return new FeatureDistribution(mean, matrix);
    }

    private void SaveTensors(string path)
    {
        var parts = new List<(TensorSpec Spec, byte[] Bytes)>();
        void Add<T>(string name, ElementType type, T[]? values, params long[] shape)
            where T : struct
        {
            if (values is not null)
            {
                parts.Add((new TensorSpec(name, type, shape), MemoryMarshal.AsBytes(values.AsSpan()).ToArray()));
            }
        }

        int dimension = Distribution?.Mean.Length ?? 0;
        Add("mu", ElementType.Float64, Distribution?.Mean, dimension);
        Add("sigma", ElementType.Float64, Distribution is null ? null : Flat(Distribution.Covariance), dimension, dimension);
        Add("features", ElementType.Float32, Vectors, Vectors is null ? 0 : Vectors.Length / dimension, dimension);
        Add("quantiles", ElementType.Float32, Quantiles, Quantiles is null ? 0 : Quantiles.Length / SlicedWasserstein.QuantileCount, SlicedWasserstein.QuantileCount);
        var details = new Details(Space, Shape?.ToString(), Count, Source);
        using var writer = SafetensorsWriter.Create(path, [.. parts.Select(p => p.Spec)], new Dictionary<string, string> { [KindKey] = Kind, [DetailsKey] = JsonSerializer.Serialize(details, StrictJson.Options) });
        foreach (var (_, bytes) in parts)
        {
            writer.Write(bytes);
        }

        writer.Complete();
    }

    private static FeatureReference LoadTensors(string path)
    {
        using var file = SafetensorsFile.Open(path);
        if (file.Metadata.GetValueOrDefault(KindKey) != Kind || !file.Metadata.TryGetValue(DetailsKey, out string? json))
        {
            throw new DamagedFileException(path, "it is a safetensors file, but no reference statistics", Remedy);
        }

        file.Verify();
        var details = JsonSerializer.Deserialize<Details>(json, StrictJson.Options)!;
        double[]? mean = Doubles(file, "mu");
        return new FeatureReference
        {
            Distribution = mean is null ? null : DistributionOf(path, mean, Doubles(file, "sigma") ?? []),
            Space = details.Space,
            Vectors = file.TryGetEntry("features", out _) ? file.Float32("features") : null,
            Quantiles = file.TryGetEntry("quantiles", out _) ? file.Float32("quantiles") : null,
            Shape = details.Shape is null ? null : ImageFeatures.ShapeOf(path, details.Shape),
            Count = details.Count,
            Source = details.Source,
        };
    }

    private static double[]? Doubles(SafetensorsFile file, string name) =>
        file.TryGetEntry(name, out var entry) && entry.ElementType == ElementType.Float64 ? MemoryMarshal.Cast<byte, double>(file.Bytes(name)).ToArray() : null;

    private static double[] Flat(double[,] matrix) => matrix.Cast<double>().ToArray();

    private sealed record Details(FeatureSpace? Space, string? Shape, long Count, string Source);
}
