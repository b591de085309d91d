using System.IO.Compression;

namespace Diffusion.Data;

/// <summary>A sheet of images in rows and columns, for looking at.</summary>
public static class ImageGrid
{
    /// <summary>Writes images, row by row, as one PNG.</summary>
    /// <param name="path">File to write; its directory must exist. Appears whole or not at all.</param>
    /// <param name="pixels">[n, C, H, W], C = 1 or 3.</param>
    /// <param name="shape">Shape of one image.</param>
    /// <param name="columns">Images in a row.</param>
    /// <param name="scale">Every pixel becomes scale × scale pixels.</param>
    /// <param name="gap">Pixels of mid-grey between images, after scaling.</param>
    public static void Write(string path, ReadOnlySpan<byte> pixels, ImageShape shape, int columns, int scale = 1, int gap = 0)
    {
        byte[] file = Encode(pixels, shape, columns, scale, gap);
        string full = Path.GetFullPath(path);
        DurableFile.Write(Path.GetDirectoryName(full)!, Path.GetFileName(full), file);
    }

    /// <summary>Encodes images, row by row, as one PNG.</summary>
    /// <param name="pixels">[n, C, H, W], C = 1 or 3; n ≥ 1. Places of the last row that no image takes stay black.</param>
    /// <param name="shape">Shape of one image.</param>
    /// <param name="columns">Images in a row.</param>
    /// <param name="scale">Every pixel becomes scale × scale pixels.</param>
    /// <param name="gap">Pixels of mid-grey between images, after scaling.</param>
    /// <returns>The file.</returns>
    public static byte[] Encode(ReadOnlySpan<byte> pixels, ImageShape shape, int columns, int scale = 1, int gap = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(scale, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(gap);
        if (pixels.IsEmpty || pixels.Length % shape.Elements != 0)
        {
            throw new ArgumentException($"{pixels.Length} pixels are no whole number of images of shape {shape}.", nameof(pixels));
        }

        int count = pixels.Length / shape.Elements;
        columns = Math.Min(columns, count);
        int rows = (count + columns - 1) / columns;
        int cellHeight = (shape.Height * scale) + gap;
        int cellWidth = (shape.Width * scale) + gap;
        ImageShape sheet = ImageShape.Checked(shape.Channels, (rows * (long)cellHeight) - gap, (columns * (long)cellWidth) - gap, "The grid");
        byte[] output = new byte[sheet.Elements];
        if (gap > 0)
        {
            output.AsSpan().Fill(128);
        }

        for (int cell = 0; cell < rows * columns; cell++)
        {
            ReadOnlySpan<byte> image = cell < count ? pixels.Slice(cell * shape.Elements, shape.Elements) : default;
            (int row, int column) = Math.DivRem(cell, columns);
            Paint(output, sheet, image, shape, row * cellHeight, column * cellWidth, scale);
        }

        return PngWriter.Encode(output, sheet, CompressionLevel.Optimal);
    }

    private static void Paint(byte[] output, ImageShape sheet, ReadOnlySpan<byte> image, ImageShape shape, int top, int left, int scale)
    {
        for (int channel = 0; channel < shape.Channels; channel++)
        {
            for (int y = 0; y < shape.Height * scale; y++)
            {
                Span<byte> row = output.AsSpan((((channel * sheet.Height) + top + y) * sheet.Width) + left, shape.Width * scale);
                for (int x = 0; x < row.Length; x++)
                {
                    row[x] = image.IsEmpty ? (byte)0 : image[(((channel * shape.Height) + (y / scale)) * shape.Width) + (x / scale)];
                }
            }
        }
    }
}
