using Diffusion.Data;
using Diffusion.Evaluation.Distances;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.References;

namespace Diffusion.Evaluation.Measuring;

/// <summary>Makes reference statistics of a set of images.</summary>
public static class ReferenceBuilder
{
    /// <summary>Images whose vectors are kept for kernel distances.</summary>
    public const int MostVectors = 10_000;

    /// <summary>Images that quantiles are taken of.</summary>
    public const int MostProjected = 50_000;

    /// <summary>Measures every image; where only some are kept, a random subset with seed 0 (EDM2's choice of a subset).</summary>
    /// <param name="images">Images; pixels.</param>
    /// <param name="network">Feature network; null for the sliced Wasserstein distance alone.</param>
    /// <param name="source">Where the images come from, for people.</param>
    /// <param name="batch">Images at once.</param>
    /// <param name="progress">Told the images done.</param>
    /// <param name="cancellationToken">Checked before each batch.</param>
    /// <exception cref="DatasetException">The images are latents.</exception>
    public static FeatureReference Build(ImageSet images, IFeatureNetwork? network, string source, int batch, IProgress<ImageProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        RequirePixels(images);
        var shape = images.Shape;
        using var projections = new PyramidProjections(shape);
        var statistics = network is null ? null : new FeatureStatistics(network.Space.Dimension);
        var kept = new Kept(images.Count, MostVectors);
        var projected = new Kept(images.Count, MostProjected);
        for (int first = 0; first < images.Count; first += batch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Math.Min(batch, images.Count - first);
            byte[] pixels = PixelsOf(images, first, count);
            if (network?.Extract(pixels, shape) is { } vectors)
            {
                statistics!.Add(vectors);
                kept.Add(first, count, vectors);
            }

            projected.Add(first, count, projections.Extract(pixels, shape));
            progress?.Report(new ImageProgress(first + count, images.Count));
        }

        return new FeatureReference
        {
            Distribution = statistics?.Distribution(),
            Space = network?.Space,
            Vectors = network is null ? null : kept.ToArray(),
            Quantiles = SlicedWasserstein.Quantiles(projected.ToArray(), projections.Space.Dimension),
            Shape = shape,
            Count = images.Count,
            Source = source,
        };
    }

    /// <summary>Refuses latents, which no metric here is for.</summary>
    /// <exception cref="DatasetException">They are latents.</exception>
    public static void RequirePixels(ImageSet images)
    {
        if (images.Element != ImageElement.Pixel || images.Shape.Channels is not (1 or 3))
        {
            throw new DatasetException($"{images.Dataset.Name} holds latents of {images.Shape}; metrics compare pixels. Give the images they were made from.");
        }
    }

    /// <summary>Some images of a set, one after the other.</summary>
    public static byte[] PixelsOf(ImageSet images, int first, int count)
    {
        byte[] pixels = new byte[count * images.Shape.Elements];
        for (int i = 0; i < count; i++)
        {
            images.CopyImage(first + i, pixels.AsSpan(i * images.Shape.Elements, images.Shape.Elements));
        }

        return pixels;
    }

    /// <summary>Vectors of a random subset, in order.</summary>
    private sealed class Kept(int count, int most)
    {
        private readonly int[] selected = ImageSelection.Subset(count, most, seed: 0);
        private readonly List<float[]> vectors = [];
        private int next;

        public void Add(int first, int count, float[] values)
        {
            int dimension = values.Length / count;
            for (; next < selected.Length && selected[next] < first + count; next++)
            {
                vectors.Add(values.AsSpan((selected[next] - first) * dimension, dimension).ToArray());
            }
        }

        public float[] ToArray() => [.. vectors.SelectMany(v => v)];
    }
}
