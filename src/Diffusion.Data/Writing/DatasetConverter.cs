using System.Globalization;
using System.IO.Compression;
using System.Numerics;

namespace Diffusion.Data;

/// <summary>What the dataset tool is asked to do.</summary>
public sealed record ConversionOptions
{
    /// <summary>Folder, ZIP or archive to read; see <see cref="ImageSources.Kinds"/>.</summary>
    public required string Source { get; init; }

    /// <summary>Empty folder, or ZIP, to write.</summary>
    public required string Destination { get; init; }

    /// <summary>Stop after this many source images.</summary>
    /// <value>Null: all.</value>
    public int? MaxImages { get; init; }

    /// <summary>How images are brought to <see cref="Resolution"/>.</summary>
    /// <value>Plain resize.</value>
    public TransformMode Transform { get; init; } = TransformMode.Stretch;

    /// <summary>Width and height to make.</summary>
    /// <value>Null: as they are. Required with a crop.</value>
    public (int Width, int Height)? Resolution { get; init; }

    /// <summary>Keep grey images as one channel instead of making them RGB.</summary>
    /// <value>False.</value>
    public bool KeepGrey { get; init; }

    /// <summary>Every fault, so that one correction mends all.</summary>
    public IEnumerable<string> Problems()
    {
        if (Transform != TransformMode.Stretch && Resolution is null)
        {
            yield return $"Transform {Transform} needs a resolution. Add --resolution, for example 64x64.";
        }

        if (MaxImages is < 1)
        {
            yield return $"--max-images is {MaxImages}; it must be at least 1. Leave it out to convert all.";
        }

        if (Resolution is (int width, int height) && (width < 1 || height < 1 || width > ImageShape.LargestSide || height > ImageShape.LargestSide))
        {
            yield return $"--resolution is {width}x{height}; sides must be 1 to {ImageShape.LargestSide}.";
        }
    }

    /// <summary>Reads <c>512x512</c> or <c>512,512</c>.</summary>
    /// <param name="text">Width, then height.</param>
    /// <exception cref="FormatException">It is neither.</exception>
    public static (int Width, int Height) ParseResolution(string text)
    {
        string[] sides = text.Split('x', ',');
        return sides.Length == 2 && int.TryParse(sides[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && int.TryParse(sides[1], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
            ? (width, height)
            : throw new FormatException($"'{text}' is no resolution; write width and height as 512x512 or 512,512.");
    }

    /// <summary>Reads <c>center-crop</c>, <c>center-crop-wide</c>, <c>center-crop-dhariwal</c>, or nothing for a plain resize.</summary>
    /// <param name="text">The mode's name.</param>
    /// <exception cref="FormatException">There is no such mode.</exception>
    public static TransformMode ParseTransform(string? text) => text switch
    {
        null or "" => TransformMode.Stretch,
        "center-crop" => TransformMode.CenterCrop,
        "center-crop-wide" => TransformMode.CenterCropWide,
        "center-crop-dhariwal" => TransformMode.CenterCropDhariwal,
        _ => throw new FormatException($"'{text}' is no transform; choose center-crop, center-crop-wide or center-crop-dhariwal, or none for a plain resize."),
    };
}

/// <summary>What a conversion did.</summary>
/// <param name="Written">Images written.</param>
/// <param name="Dropped">Source images that the transform left out; their numbers stay free.</param>
/// <param name="Shape">Shape of the written images.</param>
/// <param name="LabelDim">Number of classes or length of the label vectors; 0 without labels.</param>
public sealed record ConversionResult(int Written, int Dropped, ImageShape Shape, int LabelDim);

/// <summary>The dataset tool: brings images of any source to one size and writes them so that they can be read fast.</summary>
public static class DatasetConverter
{
    // Images decoded ahead of the writer, which is one thread because a ZIP is one stream.
    private const int Chunk = 256;

    /// <summary>Converts.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="progress">Told after every few images.</param>
    /// <param name="cancellationToken">Ends the conversion; a ZIP does not appear then.</param>
    /// <exception cref="DatasetException">The options, the source or the destination cannot be used.</exception>
    public static ConversionResult Convert(ConversionOptions options, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        string[] problems = [.. options.Problems()];
        if (problems.Length > 0)
        {
            throw new DatasetException(string.Join(Environment.NewLine, problems));
        }

        if (options.Resolution is (int width, int height))
        {
            ImageTransform.Check(options.Transform, width, height);
        }

        using IImageSource source = ImageSources.Open(options.Source);
        using var writer = new DatasetWriter(options.Destination, source);
        int total = Math.Min(source.Count, options.MaxImages ?? source.Count);
        for (int start = 0; start < total; start += Chunk)
        {
            var images = new (DecodedImage Image, byte[] File)?[Math.Min(Chunk, total - start)];
            ParallelLoop.Run(images.Length, i => images[i] = Transform(source, start + i, options), cancellationToken);
            for (int i = 0; i < images.Length; i++)
            {
                if (images[i] is not { } image)
                {
                    continue;
                }

                RequireSize(image.Image.Shape, source.NameOf(start + i));
                writer.Write(start + i, image.Image.Shape, image.Image.Element, image.File, "Add --resolution, and do not keep grey.");
            }

            progress?.Report(new ImageProgress(start + images.Length, total));
        }

        if (writer.Shape is not { } shape)
        {
            throw new DatasetException($"None of the {total} images of {options.Source} is large enough for {options.Transform} at {options.Resolution}. Choose a smaller resolution.");
        }

        writer.Complete();
        return new ConversionResult(writer.Written, total - writer.Written, shape, source.Labels.Dimension);
    }

    private static (DecodedImage, byte[])? Transform(IImageSource source, int index, ConversionOptions options)
    {
        DecodedImage? image = source.Read(index);
        if (image.Element != ImageElement.Pixel)
        {
            throw new DatasetException($"{source.NameOf(index)} holds latents; only images can be converted. Give the source of the pixels.");
        }

        image = WithoutAlpha(image, options.KeepGrey);
        if (options.Resolution is (int width, int height))
        {
            image = ImageTransform.Apply(image, options.Transform, width, height);
        }

        return image is null ? null : (image, PngWriter.Encode(image.Bytes, image.Shape, CompressionLevel.NoCompression));
    }

    /// <summary>Drops transparency, and repeats grey to RGB unless it shall stay.</summary>
    private static DecodedImage WithoutAlpha(DecodedImage image, bool keepGrey)
    {
        int plane = image.Shape.Height * image.Shape.Width;
        bool grey = image.Shape.Channels <= 2;
        int channels = grey && keepGrey ? 1 : 3;
        if (channels == image.Shape.Channels)
        {
            return image;
        }

        byte[] pixels = new byte[channels * plane];
        for (int channel = 0; channel < channels; channel++)
        {
            image.Bytes.AsSpan(grey ? 0 : channel * plane, plane).CopyTo(pixels.AsSpan(channel * plane));
        }

        return new DecodedImage(image.Shape with { Channels = channels }, ImageElement.Pixel, pixels);
    }

    private static void RequireSize(ImageShape shape, string name)
    {
        if (!shape.IsSquare || !BitOperations.IsPow2(shape.Width))
        {
            throw new DatasetException($"{name} becomes {shape.Width}x{shape.Height}; images must be square with a power of two as side. Add --resolution, and --transform center-crop to keep the aspect.");
        }
    }
}
