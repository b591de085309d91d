using Diffusion.Evaluation.Latents;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Sampling;
using Diffusion.Model.Networks;
using Diffusion.Model.Sampling;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Measuring;

/// <summary>Samples ranges of seeds from a network and measures them.</summary>
/// <remarks>
/// Batches are cut at multiples of the batch size counted from seed 0, wherever a range begins: an image is always computed among the same neighbours, and so has the
/// same bits, as long as ranges are cut at such multiples, too (<see cref="SeedRange.Cut"/>).
/// </remarks>
public sealed class GeneratedImages
{
    private readonly INetwork network;
    private readonly INetwork? guide;
    private readonly ScriptedAutoencoder? autoencoder;
    private readonly ISampler sampler;
    private readonly int batch;

    /// <summary>Prepares sampling.</summary>
    /// <param name="network">Network in evaluation mode.</param>
    /// <param name="guide">Guiding network; needed if the sampler's guidance is not 1.</param>
    /// <param name="sampler">Sampler.</param>
    /// <param name="batch">Images at once.</param>
    /// <param name="autoencoder">Decoder of latents; needed if the network works on them.</param>
    public GeneratedImages(INetwork network, INetwork? guide, ISampler sampler, int batch, ScriptedAutoencoder? autoencoder = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        (this.network, this.guide, this.sampler, this.batch, this.autoencoder) = (network, guide, sampler, batch, autoencoder);
    }

    /// <summary>Shape of the images that a network's samples become.</summary>
    public static ImageShape ShapeOf(INetwork network) => SampleGrid.NeedsAutoencoder(network)
        ? new ImageShape(3, network.Resolution * ScriptedAutoencoder.Factor, network.Resolution * ScriptedAutoencoder.Factor)
        : new ImageShape(network.ImageChannels, network.Resolution, network.Resolution);

    /// <summary>Samples and measures a range of seeds.</summary>
    /// <param name="measurement">What turns images into vectors.</param>
    /// <param name="firstSeed">First seed.</param>
    /// <param name="count">Seeds.</param>
    /// <param name="progress">Told the images done.</param>
    /// <param name="cancellationToken">Checked between steps of the sampler.</param>
    public ImageFeatures Measure(ImageMeasurement measurement, long firstSeed, int count, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var parts = new List<ImageFeatures>();
        int done = 0;
        foreach (var (first, size) in SeedRange.Cut(firstSeed, count, batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            long[] seeds = [.. Enumerable.Range(0, size).Select(i => first + i)];
            byte[] pixels = SampleGrid.Sample(network, sampler, seeds, new int?[size], guide, autoencoder, cancellationToken: cancellationToken);
            parts.Add(measurement.Extract(first, pixels));
            progress?.Report(done += size);
        }

        return ImageFeatures.Merge(parts);
    }
}
