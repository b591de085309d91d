using System.Runtime.InteropServices;
using Diffusion.Data;
using Diffusion.Model.Encoding;
using Diffusion.Model.Networks;
using Diffusion.Model.Objectives;

namespace Diffusion.Evaluation.Losses;

/// <summary>How the loss is measured.</summary>
public sealed record HeldOutLossOptions
{
    /// <summary>Seed of noise levels and noise. Networks are comparable when it is the same.</summary>
    /// <value>0.</value>
    public long Seed { get; init; }

    /// <summary>Noise levels each image is measured at.</summary>
    /// <value>4.</value>
    public int DrawsPerImage { get; init; } = 4;

    /// <summary>Images in one forward pass; changes no result but for rounding.</summary>
    /// <value>64.</value>
    public int BatchSize { get; init; } = 64;
}

/// <summary>Loss on images that were kept out of training.</summary>
/// <param name="Mean">Mean over images of the weighted squared error per pixel, λ(σ)·‖D(y + σn; σ) − y‖²/CHW, with λ(σ) = (σ² + σ_data²)/(σ·σ_data)².</param>
/// <param name="StandardError">Of that mean, over images.</param>
/// <param name="ImageErrors">Mean error of each image over its draws, in the order of the images.</param>
/// <param name="Bands">The same errors by noise level.</param>
public sealed record HeldOutLossResult(double Mean, double StandardError, IReadOnlyList<double> ImageErrors, IReadOnlyList<NoiseBand> Bands)
{
    /// <summary>Mean and standard error of this loss minus another one's, image by image.</summary>
    /// <remarks>Both were measured with the same noise, so what the noise contributes falls out: far smaller than the two errors suggest.</remarks>
    /// <exception cref="ArgumentException">They were measured on different numbers of images.</exception>
    public (double Mean, double StandardError) DifferenceTo(HeldOutLossResult other)
    {
        if (other.ImageErrors.Count != ImageErrors.Count)
        {
            throw new ArgumentException($"Losses on {ImageErrors.Count} and on {other.ImageErrors.Count} images cannot be compared image by image. Measure both on the same images.", nameof(other));
        }

        return MeanOf([.. ImageErrors.Zip(other.ImageErrors, (a, b) => a - b)]);
    }

    /// <summary>The result that errors of all images make.</summary>
    /// <param name="imageErrors">Mean error of each image, in the order of the images.</param>
    /// <param name="bands">The same errors by noise level; empty where they were not kept.</param>
    public static HeldOutLossResult Of(double[] imageErrors, IReadOnlyList<NoiseBand> bands)
    {
        var (mean, standardError) = MeanOf(imageErrors);
        return new HeldOutLossResult(mean, standardError, imageErrors, bands);
    }

    internal static (double Mean, double StandardError) MeanOf(double[] values)
    {
        double mean = values.Average();
        double variance = values.Length < 2 ? 0 : values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1);
        return (mean, Math.Sqrt(variance / values.Length));
    }
}

/// <summary>Measures the loss of a network with fixed noise: an image's noise depends on seed, image and draw alone, whatever network is measured and in whatever batches.</summary>
public sealed class HeldOutLoss
{
    private readonly HeldOutImages images;
    private readonly INoiseDistribution noise;
    private readonly ILoss loss;
    private readonly HeldOutLossOptions options;

    /// <summary>A measurement that can be applied to many networks.</summary>
    /// <param name="images">Images to measure on; see <see cref="Weights.RunImages.HeldOut"/>.</param>
    /// <param name="noise">Distribution of noise levels, normally that of training.</param>
    /// <param name="loss">Its error per image is what is measured.</param>
    /// <param name="options">Seed and size.</param>
    public HeldOutLoss(ImageSet images, INoiseDistribution noise, ILoss loss, HeldOutLossOptions options)
        : this(HeldOutImages.Of(images), noise, loss, options)
    {
    }

    /// <summary>A measurement on images that came from elsewhere.</summary>
    /// <param name="images">Images to measure on.</param>
    /// <param name="noise">Distribution of noise levels, normally that of training.</param>
    /// <param name="loss">Its error per image is what is measured.</param>
    /// <param name="options">Seed and size.</param>
    public HeldOutLoss(HeldOutImages images, INoiseDistribution noise, ILoss loss, HeldOutLossOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.DrawsPerImage, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchSize, 1);
        (this.images, this.noise, this.loss, this.options) = (images, noise, loss, options);
    }

    /// <summary>Measures a network in evaluation mode.</summary>
    /// <param name="network">Network for images of this shape.</param>
    /// <param name="progress">Told the images done.</param>
    /// <param name="cancellationToken">Checked before each batch.</param>
    /// <exception cref="InvalidOperationException">The network is in training mode, or its output is not finite.</exception>
    public HeldOutLossResult Measure(INetwork network, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        var (errors, bands) = Errors(network, 0, images.Count, progress, cancellationToken);
        return HeldOutLossResult.Of(errors, bands);
    }

    /// <summary>The error of each of some images: parts measured anywhere, joined in their order, are what <see cref="Measure"/> finds.</summary>
    /// <param name="network">Network for images of this shape, in evaluation mode.</param>
    /// <param name="first">First image; a multiple of the batch, so that the bits are those of the whole.</param>
    /// <param name="count">Images.</param>
    /// <param name="progress">Told the images done.</param>
    /// <param name="cancellationToken">Checked before each batch.</param>
    /// <exception cref="InvalidOperationException">The network is in training mode, or its output is not finite.</exception>
    public double[] MeasurePart(INetwork network, int first, int count, IProgress<int>? progress = null, CancellationToken cancellationToken = default) =>
        Errors(network, first, count, progress, cancellationToken).Errors;

    private (double[] Errors, IReadOnlyList<NoiseBand> Bands) Errors(INetwork network, int start, int total, IProgress<int>? progress, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + total, images.Count);
        if (network.Training)
        {
            throw new InvalidOperationException("The network is in training mode; dropout would be measured as well. Set Training to false.");
        }

        using var guard = torch.no_grad();
        var bands = new NoiseBands();
        var errors = new double[total];
        for (int done = 0; done < total; done += options.BatchSize)
        {
            int count = Math.Min(options.BatchSize, total - done);
            for (int draw = 0; draw < options.DrawsPerImage; draw++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                MeasureBatch(network, start + done, count, draw, errors.AsSpan(done, count), bands);
            }

            progress?.Report(done + count);
        }

        return bands.NonFinite == 0
            ? (errors, bands.Bands)
            : throw new InvalidOperationException($"{bands.NonFinite} of {total * options.DrawsPerImage} losses are not finite; the weights are no trained network's. Take an earlier snapshot.");
    }

    private void MeasureBatch(INetwork network, int first, int count, int draw, Span<double> errors, NoiseBands bands)
    {
        using var scope = torch.NewDisposeScope();
        var encoded = new Tensor[count];
        var sigmas = new Tensor[count];
        var noises = new Tensor[count];
        var labels = new float[count * images.LabelDim];
        for (int i = 0; i < count; i++)
        {
            using var generator = new Generator((ulong)TupleSeed.Hash(options.Seed, images.NumberOf(first + i), draw), torch.CPU);
            encoded[i] = Encoded(first + i, generator);
            (sigmas[i], noises[i]) = noise.Draw(encoded[i], generator);
            images.CopyLabel(first + i, labels.AsSpan(i * images.LabelDim, images.LabelDim));
        }

        var device = network.Parameters[0].Value.device;
        var label = images.LabelDim == 0 ? null : torch.tensor(labels).reshape(count, images.LabelDim).to(device);
        var result = loss.Evaluate(network, torch.cat(encoded, 0).to(device), label, new NoiseDraw(torch.cat(sigmas, 0).to(device), torch.cat(noises, 0).to(device)));
        bands.Add(result);
        var batch = result.ImageError.cpu().data<float>().ToArray();
        for (int i = 0; i < count; i++)
        {
            errors[i] += batch[i] / (double)options.DrawsPerImage;
        }
    }

    private Tensor Encoded(int index, Generator generator)
    {
        var shape = images.Shape;
        var stored = torch.empty([1, shape.Channels, shape.Height, shape.Width], dtype: images.Element == ImageElement.Pixel ? ScalarType.Byte : ScalarType.Float32);
        images.CopyImage(index, stored.bytes);
        return ImageEncoders.For(shape.Channels).Encode(stored, generator);
    }
}
