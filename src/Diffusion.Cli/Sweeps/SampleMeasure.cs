using System.Text.Json.Nodes;
using Diffusion.Cli.Metrics;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Latents;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Sweeps;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Scores;
using TorchSharp;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Cli.Sweeps;

/// <summary>What samples are measured with, as the command line has it.</summary>
internal sealed record SampleMeasureOptions
{
    public required string Metric { get; init; }

    public required FeatureReference Reference { get; init; }

    /// <summary>File of <see cref="Reference"/>.</summary>
    public required string ReferencePath { get; init; }

    /// <summary>File of the feature network; null for none.</summary>
    public required string? FeaturesPath { get; init; }

    /// <summary>Opens the feature network for images of a shape; null for none.</summary>
    public required Func<ImageShape, IFeatureNetwork?> Features { get; init; }

    public required torch.Device Device { get; init; }

    /// <summary>Images of a measurement.</summary>
    public required int Count { get; init; }

    public required long FirstSeed { get; init; }

    public required int Batch { get; init; }

    public required string? Guide { get; init; }

    public required string? Autoencoder { get; init; }

    public required IReadOnlyList<(string Key, JsonNode? Value)> Sampler { get; init; }
}

/// <summary>A distance between samples and a reference.</summary>
internal sealed class SampleMeasure : SweepMeasure
{
    private const int PartSeeds = 256;

    private readonly RunDirectory run;
    private readonly SampleMeasureOptions options;
    private readonly SampledNetwork subject;
    private readonly ComponentConfig sampler;
    private readonly INetwork? guide;
    private readonly ScriptedAutoencoder? decoder;
    private readonly IFeatureNetwork? features;
    private readonly ImageMeasurement measurement;
    private readonly FeatureSpace space;

    /// <param name="run">The run.</param>
    /// <param name="snapshot">Any of its snapshots; all have one network and sampler.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the loading of networks.</param>
    public SampleMeasure(RunDirectory run, string snapshot, SampleMeasureOptions options, CancellationToken cancellationToken)
    {
        (this.run, this.options) = (run, options);
        using var network = SnapshotNetwork.Load(snapshot, cancellationToken: cancellationToken);
        var shape = GeneratedImages.ShapeOf(network);
        bool latents = Evaluation.Sampling.SampleGrid.NeedsAutoencoder(network);
        subject = SampledSnapshot.Of(snapshot, options.Guide, latents ? options.Autoencoder : null, run, options.Sampler);
        sampler = SampledSnapshot.Sampler(snapshot, options.Sampler);
        guide = options.Guide is { } path ? SnapshotNetwork.Load(path, options.Device, cancellationToken) : null;
        decoder = latents ? ScriptedAutoencoder.Load(options.Autoencoder, options.Device) : null;
        features = options.Features(shape);
        measurement = new ImageMeasurement(options.Reference, features, shape, [options.Metric], options.Device);
        space = options.Metric == MetricNames.SlicedWasserstein ? PyramidProjections.SpaceOf(shape) : features!.Space;
    }

    public override Score Expected(SweepPoint point) =>
        new MeasuredMetric(options.Metric, 0, null, null, options.Count, options.Reference.HashFor(options.Metric), space, []).ToScore(At(subject, point), SeedOf(point), DateTimeOffset.UnixEpoch);

    public override Score Measure(SweepPoint point, string path, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var weights = SampledSnapshot.Of(path, run);
        var measured = At(subject, point) with { WeightsHash = weights.WeightsHash };
        using var network = SnapshotNetwork.Load(path, options.Device, cancellationToken);
        var generated = new GeneratedImages(network, guide, ModelParts.CreateSampler(Guided(sampler, point)), options.Batch, decoder);
        var partial = PartialFeatures.Of(run, measured, features, measurement, options.Batch, options.Device);
        var images = partial.Measure(generated, measurement, SeedOf(point), options.Count, options.Batch, new ShareOf(progress), cancellationToken);
        var score = measurement.Measure(images, cancellationToken).Single().ToScore(measured, SeedOf(point), TimeProvider.System.GetLocalNow());
        partial.Remove();
        return score;
    }

    public override async Task<EvaluationJob> JobAsync(EvaluationClient client, CancellationToken cancellationToken)
    {
        var expected = Expected(new SweepPoint(subject.ImagesSeen, subject.RelativeStd));
        Task<string> Upload(string path) => client.UploadAsync(subject.RunId, path, cancellationToken);
        string? network = options.Metric == MetricNames.SlicedWasserstein ? null : options.FeaturesPath;
        bool trained = network is not null && TrainedFeatures.IsAt(network);
        return new EvaluationJob
        {
            Run = subject.RunId,
            RelativeStd = subject.RelativeStd,
            Metrics = [new MetricRequest(options.Metric, expected.ReferenceHash, expected.Features)],
            Settings = expected.Settings,
            Guide = options.Guide is null ? null : new GuideWeights(subject.GuideHash!, "", 0, 0, await Upload(options.Guide)),
            Count = options.Count,
            Batch = options.Batch,
            PartSeeds = options.Batch * Math.Max(1, PartSeeds / options.Batch),
            Reference = await Upload(options.ReferencePath),
            Features = trained ? await Upload(network!) : null,

            // TorchScript is a program: evaluators run only what they were started with.
            TrustedFeatures = network is null || trained ? null : EvaluationFiles.DigestOf(network),
            TrustedAutoencoder = decoder is null ? null : EvaluationFiles.DigestOf(options.Autoencoder!),
        };
    }

    public override void Dispose()
    {
        measurement.Dispose();
        (features as IDisposable)?.Dispose();
        decoder?.Dispose();
        guide?.Dispose();
    }

    private static ComponentConfig Guided(ComponentConfig config, SweepPoint point) => config.With("guidance", point.Guidance);

    private static SampledNetwork At(SampledNetwork network, SweepPoint point) =>
        network with { ImagesSeen = point.ImagesSeen, RelativeStd = point.RelativeStd, Settings = Guided(network.Settings, point) };

    private long SeedOf(SweepPoint point) => options.FirstSeed + ((long)point.Repetition * options.Count);

    private sealed class ShareOf(IProgress<double> progress) : IProgress<ImageProgress>
    {
        public void Report(ImageProgress value) => progress.Report((double)value.Done / value.Total);
    }
}
