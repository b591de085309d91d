using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Diffusion.Data;

/// <summary>A data set made from another one batch by batch, as a VAE makes latents from images and images from latents. Names, numbers and labels stay.</summary>
public sealed record DatasetMapping
{
    /// <summary>Folder, ZIP, archive or packed folder to read.</summary>
    public required string Source { get; init; }

    /// <summary>Empty folder, or ZIP, to write.</summary>
    public required string Destination { get; init; }

    /// <summary>Stop after this many.</summary>
    /// <value>Null: all.</value>
    public int? MaxImages { get; init; }

    /// <summary>Images mapped at once.</summary>
    /// <value>8, as the published tool.</value>
    public int Batch { get; init; } = 8;

    /// <summary>Maps every image.</summary>
    /// <param name="require">Throws when an image cannot be mapped; told the image and its name, from any thread, before anything of its batch is mapped.</param>
    /// <param name="map">A batch of images of one shape to as many images.</param>
    /// <param name="progress">Told after every batch.</param>
    /// <param name="cancellationToken">Checked before every batch; a ZIP does not appear then.</param>
    /// <exception cref="DatasetException">Source or destination cannot be used, or images are not alike.</exception>
    public ConversionResult Run(Action<DecodedImage, string> require, Func<IReadOnlyList<DecodedImage>, IReadOnlyList<DecodedImage>> map, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        if (MaxImages is < 1 || Batch < 1)
        {
            throw new DatasetException($"--max-images is {MaxImages?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "all"} and --batch is {Batch}; both must be at least 1.");
        }

        using IImageSource source = ImageSources.Open(Source);
        require(source.Read(0), source.NameOf(0));
        using var writer = new DatasetWriter(Destination, source);
        int total = Math.Min(source.Count, MaxImages ?? source.Count);
        ImageShape? shape = null;
        for (int start = 0; start < total; start += Batch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var images = new DecodedImage[Math.Min(Batch, total - start)];
            ParallelLoop.Run(images.Length, i =>
            {
                images[i] = source.Read(start + i);
                require(images[i], source.NameOf(start + i));
            }, cancellationToken);
            shape ??= images[0].Shape;
            int other = Array.FindIndex(images, image => image.Shape != shape);
            if (other >= 0)
            {
                throw new DatasetException($"{source.NameOf(start + other)} is {images[other].Shape}, the first image {shape} (channels x height x width); all must be alike. Run 'dataset convert' with --resolution first.");
            }

            var mapped = map(images);
            for (int i = 0; i < mapped.Count; i++)
            {
                writer.Write(start + i, mapped[i].Shape, mapped[i].Element, FileOf(mapped[i]), "Run 'dataset convert' with --resolution first.");
            }

            progress?.Report(new ImageProgress(start + images.Length, total));
        }

        writer.Complete();
        return new ConversionResult(writer.Written, 0, writer.Shape!.Value, source.Labels.Dimension);
    }

    private static byte[] FileOf(DecodedImage image) => image.Element == ImageElement.Latent
        ? NpyWriter.Encode(MemoryMarshal.Cast<byte, float>(image.Bytes), image.Shape)
        : PngWriter.Encode(image.Bytes, image.Shape, CompressionLevel.NoCompression);
}
