namespace Diffusion.Data;

/// <summary>Shape of one image or latent, channels first.</summary>
/// <param name="Channels">C: 1 grey, 3 RGB, 8 means and standard deviations of a latent.</param>
/// <param name="Height">H, in pixels.</param>
/// <param name="Width">W, in pixels.</param>
public readonly record struct ImageShape(int Channels, int Height, int Width)
{
    /// <summary>Largest side accepted from a file, so that a damaged header cannot ask for all memory.</summary>
    internal const int LargestSide = 32768;

    /// <summary>Largest number of elements of one image: 256 Mi.</summary>
    internal const long MostElements = 1L << 28;

    /// <summary>C·H·W.</summary>
    public int Elements => checked(Channels * Height * Width);

    /// <summary>True when height equals width, as training requires.</summary>
    public bool IsSquare => Height == Width;

    /// <summary>Reads as <c>3x32x32</c>.</summary>
    public override string ToString() => $"{Channels}x{Height}x{Width}";

    internal static ImageShape Checked(long channels, long height, long width, string what)
    {
        bool sane = channels is >= 1 and <= 4096 && height is >= 1 and <= LargestSide && width is >= 1 and <= LargestSide
            && channels * height * width <= MostElements;
        return sane
            ? new ImageShape((int)channels, (int)height, (int)width)
            : throw new DatasetException($"{what} claims {channels}x{height}x{width} (channels, height, width); sides may be 1 to {LargestSide} and an image at most {MostElements} values. The file is damaged or no image; remove it.");
    }
}

/// <summary>What one value of an image is.</summary>
public enum ImageElement
{
    /// <summary>A pixel: uint8, 0…255.</summary>
    Pixel,

    /// <summary>A raw latent: float32.</summary>
    Latent,
}

/// <summary>Sizes of <see cref="ImageElement"/>.</summary>
public static class ImageElementExtensions
{
    /// <summary>Bytes of one value.</summary>
    /// <param name="element">Kind of value.</param>
    public static int Bytes(this ImageElement element) => element == ImageElement.Pixel ? 1 : sizeof(float);
}

/// <summary>One image in memory, channels first, little-endian.</summary>
/// <param name="Shape">Its shape.</param>
/// <param name="Element">Kind of its values.</param>
/// <param name="Bytes">C·H·W values.</param>
public sealed record DecodedImage(ImageShape Shape, ImageElement Element, byte[] Bytes);
