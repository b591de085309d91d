using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Distances;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.References;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Measuring;

/// <summary>Measures sets of images of one shape against one reference.</summary>
/// <remarks>Images become vectors by <see cref="Extract"/>, range by range and anywhere; <see cref="Measure"/> turns the merged ranges into numbers.</remarks>
public sealed class ImageMeasurement : IDisposable
{
    private readonly FeatureReference reference;
    private readonly IFeatureNetwork? network;
    private readonly PyramidProjections? projections;
    private readonly ImageShape shape;
    private FrechetEstimator? frechet;

    /// <summary>Checks that reference, network, images and metrics go together.</summary>
    /// <param name="reference">What to compare with.</param>
    /// <param name="network">Feature network, which the caller disposes; null where no metric needs one.</param>
    /// <param name="shape">Shape of the images.</param>
    /// <param name="metrics">Metrics wanted; null for all that reference and network serve.</param>
    /// <param name="device">Where projections are computed; null for the CPU.</param>
    /// <exception cref="ConfigurationException">They do not.</exception>
    public ImageMeasurement(FeatureReference reference, IFeatureNetwork? network, ImageShape shape, IReadOnlyList<string>? metrics = null, Device? device = null)
    {
        (this.reference, this.network, this.shape) = (reference, network, shape);
        if (reference.Shape is { } expected && expected != shape)
        {
            throw new ConfigurationException($"The reference ({reference.Source}) is of images of {expected}, these are of {shape}. Bring both to one size with 'dataset convert', or make a reference of images of {shape} with 'metrics ref'.");
        }

        Metrics = Checked(metrics);
        if (Metrics.Any(NeedsNetwork))
        {
            RequireSpace();
        }
        else
        {
            this.network = null;
        }

        projections = Metrics.Contains(MetricNames.SlicedWasserstein) ? new PyramidProjections(shape, device) : null;
    }

    /// <summary>The metrics that are measured.</summary>
    public IReadOnlyList<string> Metrics { get; }

    /// <summary>What a score of a metric says about reference and feature space: known before anything is measured.</summary>
    /// <param name="metric">One of <see cref="Metrics"/>.</param>
    public (string ReferenceHash, FeatureSpace Space) ConditionsOf(string metric) =>
        (reference.HashFor(metric), metric == MetricNames.SlicedWasserstein ? projections!.Space : network!.Space);

    /// <summary>The vectors of some images.</summary>
    /// <param name="firstSeed">Seed of the first.</param>
    /// <param name="pixels">[n, C, H, W] 8-bit pixels.</param>
    public ImageFeatures Extract(long firstSeed, ReadOnlySpan<byte> pixels)
    {
        var spaces = new List<FeatureVectors>();
        foreach (var extractor in new[] { network, projections }.OfType<IFeatureNetwork>())
        {
            float[] vectors = extractor.Extract(pixels, shape);
            spaces.Add(new FeatureVectors(extractor.Space, vectors));
        }

        return new ImageFeatures(firstSeed, pixels.Length / shape.Elements, shape, spaces);
    }

    /// <summary>Turns the vectors of all images into numbers.</summary>
    /// <param name="images">What <see cref="Extract"/> returned, merged.</param>
    /// <param name="cancellationToken">Checked between steps.</param>
    /// <exception cref="ArgumentException">There are fewer than two images, or vectors of another space.</exception>
    public IReadOnlyList<MeasuredMetric> Measure(ImageFeatures images, CancellationToken cancellationToken = default) =>
        [.. Metrics.Select(metric => metric switch
        {
            MetricNames.Frechet => Frechet(Of(images, network!.Space), images.Count, cancellationToken),
            MetricNames.Kernel => Kernel(Of(images, network!.Space), images.Count, cancellationToken),
            _ => Sliced(Of(images, projections!.Space), images.Count),
        })];

    /// <inheritdoc/>
    public void Dispose() => projections?.Dispose();

    private static bool NeedsNetwork(string metric) => metric is MetricNames.Frechet or MetricNames.Kernel;

    private static FeatureVectors Of(ImageFeatures images, FeatureSpace space) => images.Spaces.FirstOrDefault(s => s.Space.IsSameAs(space))
        ?? throw new ArgumentException($"The images were measured in {string.Join(", ", images.Spaces.Select(s => s.Space))}, not in {space}.", nameof(images));

    private string[] Checked(IReadOnlyList<string>? wanted)
    {
        string[] known = [.. MetricNames.All.Where(m => m != MetricNames.HeldOutLoss)];
        foreach (string metric in wanted ?? [])
        {
            if (!known.Contains(metric))
            {
                throw new ConfigurationException($"'{metric}' is no metric of images. {Suggestion.For(metric, known)}");
            }

            if (!reference.Metrics.Contains(metric))
            {
                throw new ConfigurationException($"The reference ({reference.Source}) holds nothing for '{metric}', only for {string.Join(", ", reference.Metrics)}. Make one that does with 'metrics ref{(NeedsNetwork(metric) ? " --features FILE" : "")}' and a name ending in .safetensors.");
            }

            if (NeedsNetwork(metric) && network is null)
            {
                throw new ConfigurationException($"The metric '{metric}' needs the feature network of the reference{(reference.Space is { } s ? $", {s}" : "")}: give --features FILE.");
            }
        }

        string[] metrics = wanted is { Count: > 0 } ? [.. wanted.Distinct()] : [.. reference.Metrics.Where(m => network is not null || !NeedsNetwork(m))];
        return metrics.Length > 0
            ? metrics
            : throw new ConfigurationException($"The reference ({reference.Source}) serves {string.Join(", ", reference.Metrics)}, which need its feature network{(reference.Space is { } space ? $", {space}" : "")}: give --features FILE.");
    }

    private void RequireSpace()
    {
        var space = network!.Space;
        if (reference.Space is { } of && !of.IsSameAs(space))
        {
            string which = of.Hash != space.Hash ? "another feature network" : "the same network with another input convention";
            throw new ConfigurationException($"The reference was made with {which}: {of}; given is {space}. Give the same file and --features-input {of.Input}, or make the reference again with 'metrics ref'.");
        }

        if (reference.Distribution!.Mean.Length != space.Dimension)
        {
            throw new ConfigurationException($"The reference ({reference.Source}) has {reference.Distribution.Mean.Length} features, the network {space} gives {space.Dimension}: the reference is of another network.");
        }
    }

    private MeasuredMetric Frechet(FeatureVectors vectors, int count, CancellationToken cancellationToken)
    {
        frechet ??= new FrechetEstimator(reference.Distribution!);
        var estimate = frechet.Estimate(vectors.Values, vectors.Space.Dimension, cancellationToken);
        var remarks = new List<string>();
        int dimension = vectors.Space.Dimension;
        RemarkRank(remarks, "images", count, dimension);
        if (reference.Count > 0)
        {
            RemarkRank(remarks, "reference images", reference.Count, dimension);
        }

        remarks.Add(estimate.Extrapolated is { } limit
            ? string.Create(CultureInfo.InvariantCulture, $"of it about {estimate.Value - limit:0.###} is due to n = {count}: {limit:0.####} ± {estimate.ExtrapolatedError:0.####} expected for n → ∞ (line over 1/n at n = {string.Join(", ", estimate.Sizes.Select(s => s.Count))})")
            : string.Create(CultureInfo.InvariantCulture, $"its bias is not estimated: that needs {2 * FrechetEstimator.VectorsPerFeature * dimension} images, twice {FrechetEstimator.VectorsPerFeature} for each of {dimension} features"));
        return new MeasuredMetric(MetricNames.Frechet, estimate.Value, estimate.StandardError, estimate.Extrapolated, count, reference.HashFor(MetricNames.Frechet), vectors.Space, remarks);
    }

    private static void RemarkRank(List<string> remarks, string what, long count, int dimension)
    {
        if (count <= dimension)
        {
            remarks.Add($"warning: {count} {what} are not more than the {dimension} features, so their covariance is rank-deficient and the distance far off; use at least {FrechetEstimator.VectorsPerFeature * dimension}");
        }
    }

    private MeasuredMetric Kernel(FeatureVectors vectors, int count, CancellationToken cancellationToken)
    {
        var result = KernelDistance.Between(vectors.Values, reference.Vectors, vectors.Space.Dimension, cancellationToken: cancellationToken);
        return new MeasuredMetric(MetricNames.Kernel, result.Value, result.StandardError, result.Value, count, reference.HashFor(MetricNames.Kernel), vectors.Space,
            [$"against {reference.Vectors!.Length / vectors.Space.Dimension} reference images; unbiased"]);
    }

    private MeasuredMetric Sliced(FeatureVectors vectors, int count)
    {
        var result = SlicedWasserstein.Between(vectors.Values, vectors.Space.Dimension, reference.Quantiles);
        return new MeasuredMetric(MetricNames.SlicedWasserstein, result.Value, result.StandardError, null, count, reference.HashFor(MetricNames.SlicedWasserstein), vectors.Space,
            ["compare at equal n only: its bias falls like 1/√n"]);
    }
}
