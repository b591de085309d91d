using System.Buffers.Binary;
using System.IO.Compression;

namespace Diffusion.Data;

/// <summary>Writes 8-bit grey and RGB images as PNG.</summary>
public static class PngWriter
{
    internal static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    /// <summary>Encodes an image.</summary>
    /// <param name="pixels">[C, H, W], C = 1 or 3.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="compression"><see cref="CompressionLevel.NoCompression"/> for data sets that are read over and over, <see cref="CompressionLevel.Optimal"/> for pictures to look at.</param>
    /// <returns>The file.</returns>
    /// <exception cref="ArgumentException">The number of channels is neither 1 nor 3, or the pixels do not fit the shape.</exception>
    public static byte[] Encode(ReadOnlySpan<byte> pixels, ImageShape shape, CompressionLevel compression)
    {
        if (shape.Channels is not (1 or 3) || pixels.Length != shape.Elements)
        {
            throw new ArgumentException($"{pixels.Length} pixels of shape {shape} cannot be written as PNG: one or three channels, and as many pixels as the shape says.", nameof(shape));
        }

        using var file = new MemoryStream();
        file.Write(Signature);
        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, shape.Width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], shape.Height);
        header[8] = 8;
        header[9] = shape.Channels == 3 ? (byte)2 : (byte)0;
        header[10..].Clear();
        WriteChunk(file, "IHDR"u8, header);
        WriteChunk(file, "IDAT"u8, Compress(pixels, shape, compression));
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> pixels, ImageShape shape, CompressionLevel compression)
    {
        var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, compression, leaveOpen: true))
        {
            int plane = shape.Height * shape.Width;
            int rowBytes = shape.Width * shape.Channels;
            byte[] row = new byte[rowBytes];
            byte[] above = new byte[rowBytes];
            byte[] filtered = new byte[1 + rowBytes];
            bool filter = compression != CompressionLevel.NoCompression;
            for (int y = 0; y < shape.Height; y++)
            {
                for (int channel = 0; channel < shape.Channels; channel++)
                {
                    ReadOnlySpan<byte> source = pixels.Slice((channel * plane) + (y * shape.Width), shape.Width);
                    for (int i = 0; i < source.Length; i++)
                    {
                        row[(i * shape.Channels) + channel] = source[i];
                    }
                }

                Filter(row, above, filtered, shape.Channels, filter && y > 0);
                zlib.Write(filtered);
                (row, above) = (above, row);
            }
        }

        return compressed.GetBuffer().AsSpan(0, (int)compressed.Length);
    }

    /// <summary>Filter 0 (as is), or 4 (Paeth), which suits most pictures.</summary>
    private static void Filter(byte[] row, byte[] above, byte[] filtered, int pixelBytes, bool paeth)
    {
        filtered[0] = paeth ? (byte)4 : (byte)0;
        for (int i = 0; i < row.Length; i++)
        {
            bool first = i < pixelBytes;
            int predicted = paeth ? PngDecoder.Paeth(first ? 0 : row[i - pixelBytes], above[i], first ? 0 : above[i - pixelBytes]) : 0;
            filtered[1 + i] = (byte)(row[i] - predicted);
        }
    }

    private static void WriteChunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, content.Length);
        file.Write(word);
        file.Write(type);
        file.Write(content);
        BinaryPrimitives.WriteUInt32BigEndian(word, ~Crc32.Update(Crc32.Update(uint.MaxValue, type), content));
        file.Write(word);
    }
}
