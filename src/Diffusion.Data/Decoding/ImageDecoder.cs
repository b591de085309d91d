namespace Diffusion.Data;

/// <summary>Chooses the decoder by a file's extension.</summary>
public static class ImageDecoder
{
    private static readonly string[] Readable = [".png", ".jpg", ".jpeg", ".npy"];

    // Known as images elsewhere: leaving them out unasked would silently train on a part of the data.
    private static readonly string[] Refused = [".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".tga", ".jp2", ".jxl", ".avif", ".heic"];

    internal static string ReadableExtensions => string.Join(", ", Readable);

    /// <summary>Reads and decodes one file.</summary>
    /// <param name="path">PNG, JPEG or .npy.</param>
    /// <exception cref="DatasetException">It is damaged or no image.</exception>
    public static DecodedImage Read(string path) => Decode(File.ReadAllBytes(path), Path.GetExtension(path), path);

    /// <summary>True for images, false for other files.</summary>
    /// <exception cref="DatasetException">It is an image of a format that cannot be read.</exception>
    internal static bool IsImage(string name)
    {
        string extension = Path.GetExtension(name).ToLowerInvariant();
        return !Refused.Contains(extension)
            ? Readable.Contains(extension)
            : throw new DatasetException($"{name} is an image of a format that cannot be read; readable are {ReadableExtensions}. Convert or remove it.");
    }

    /// <param name="file">Content.</param>
    /// <param name="extension">Extension of the file's name, with its dot.</param>
    /// <param name="name">For messages.</param>
    internal static DecodedImage Decode(ReadOnlySpan<byte> file, string extension, string name)
    {
        if (file.IsEmpty)
        {
            throw new DatasetException($"{name} is empty. Replace or remove it.");
        }

        return extension.ToLowerInvariant() switch
        {
            ".png" => PngDecoder.Decode(file, name),
            ".npy" => NpyDecoder.Decode(file, name),
            _ => JpegDecoder.Decode(file, name),
        };
    }
}
