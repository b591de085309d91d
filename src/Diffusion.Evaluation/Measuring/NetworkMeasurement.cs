using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Latents;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Sampling;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Model.Networks;

namespace Diffusion.Evaluation.Measuring;

/// <summary>The files of one measurement.</summary>
public sealed record MeasurementFiles
{
    /// <summary>Snapshot that is measured.</summary>
    public required string Weights { get; init; }

    /// <summary>Reference statistics.</summary>
    public required string Reference { get; init; }

    /// <summary>Guiding network; null without.</summary>
    public string? Guide { get; init; }

    /// <summary>Decoder of latents; null without.</summary>
    public string? Autoencoder { get; init; }

    /// <summary>Feature network; null without.</summary>
    public string? Features { get; init; }

    /// <summary>How images reach a TorchScript feature network; null for its default.</summary>
    public string? FeaturesInput { get; init; }
}

/// <summary>A network with everything that measuring its samples takes, loaded once for many ranges of seeds.</summary>
public sealed class NetworkMeasurement : IDisposable
{
    private readonly List<IDisposable> owned = [];

    /// <summary>Loads and checks.</summary>
    /// <param name="files">The files.</param>
    /// <param name="sampler">Sampler of the samples.</param>
    /// <param name="metrics">Metrics wanted; null for all that reference and features serve.</param>
    /// <param name="batch">Images at once.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="cancellationToken">Checked while files are verified.</param>
    /// <exception cref="ConfigurationException">They do not go together.</exception>
    public NetworkMeasurement(MeasurementFiles files, ComponentConfig sampler, IReadOnlyList<string>? metrics, int batch, Device device, CancellationToken cancellationToken)
    {
        try
        {
            var reference = FeatureReference.Load(files.Reference);
            var network = Owned(SnapshotNetwork.Load(files.Weights, device, cancellationToken));
            INetwork? guide = files.Guide is { } path ? Owned(SnapshotNetwork.Load(path, device, cancellationToken)) : null;
            var autoencoder = SampleGrid.NeedsAutoencoder(network) ? Owned(ScriptedAutoencoder.Load(files.Autoencoder, device)) : null;
            var shape = GeneratedImages.ShapeOf(network);
            var extractor = files.Features is { } features ? Owned(FeatureNetworks.Open(features, shape, files.FeaturesInput is { } name ? FeatureInput.Named(name) : null, device)) : null;
            Measurement = Owned(new ImageMeasurement(reference, extractor, shape, metrics, device));
            Generated = new GeneratedImages(network, guide, ModelParts.CreateSampler(sampler), batch, autoencoder);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Turns images into vectors, and these into numbers.</summary>
    public ImageMeasurement Measurement { get; }

    /// <summary>Samples ranges of seeds.</summary>
    public GeneratedImages Generated { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = owned.Count - 1; i >= 0; i--)
        {
            owned[i].Dispose();
        }

        owned.Clear();
    }

    private T Owned<T>(T part)
        where T : IDisposable
    {
        owned.Add(part);
        return part;
    }
}
