using System.Buffers.Binary;
using System.IO.Compression;

namespace Diffusion.Data;

/// <summary>
/// Reads PNG (ISO/IEC 15948), every colour type, depth and interlacing, into 8-bit channels: grey stays one channel, palettes become RGB,
/// transparency stays a channel, the upper half of 16-bit samples is kept. Colour-space chunks change nothing, as usual for training data.
/// </summary>
/// <remarks>Managed, because libpng reports errors by longjmp, which may not cross managed frames, and its simplified interface converts colour spaces unasked.</remarks>
internal static class PngDecoder
{
    private enum ColourType
    {
        Grey = 0,
        Rgb = 2,
        Palette = 3,
        GreyAlpha = 4,
        Rgba = 6,
    }

    // Adam7: first column, first row, column step, row step of each pass.
    private static readonly (int X, int Y, int StepX, int StepY)[] InterlacedPasses =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    private static readonly (int X, int Y, int StepX, int StepY)[] OnePass = [(0, 0, 1, 1)];

    public static DecodedImage Decode(ReadOnlySpan<byte> file, string name)
    {
        Parts parts = ReadChunks(file, name);
        int channels = parts.Type switch { ColourType.Grey => 1, ColourType.GreyAlpha => 2, ColourType.Rgba => 4, _ => 3 };
        int alphaOfPalette = parts.Type == ColourType.Palette && !parts.Alpha.IsEmpty ? 1 : 0;
        ImageShape shape = ImageShape.Checked(channels + alphaOfPalette, parts.Height, parts.Width, name);
        byte[] output = new byte[shape.Elements];
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(parts.Data), CompressionMode.Decompress);
            foreach ((int x, int y, int stepX, int stepY) in parts.Interlaced ? InterlacedPasses : OnePass)
            {
                DecodePass(zlib, parts, shape, output, x, y, stepX, stepY, name);
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new DatasetException($"{name} is a damaged or truncated PNG: its pixels end early or do not decompress. Replace or remove it.", e);
        }

        return new DecodedImage(shape, ImageElement.Pixel, output);
    }

    /// <summary>Of left, above and above-left, the one nearest to left + above − above-left.</summary>
    public static int Paeth(int left, int above, int aboveLeft)
    {
        int estimate = left + above - aboveLeft;
        int toLeft = Math.Abs(estimate - left);
        int toAbove = Math.Abs(estimate - above);
        int toAboveLeft = Math.Abs(estimate - aboveLeft);
        return toLeft <= toAbove && toLeft <= toAboveLeft ? left : toAbove <= toAboveLeft ? above : aboveLeft;
    }

    private static Parts ReadChunks(ReadOnlySpan<byte> file, string name)
    {
        if (!file.StartsWith(PngWriter.Signature))
        {
            throw new DatasetException($"{name} is no PNG: it starts with other bytes. Replace or remove it, or give it the extension of its format.");
        }

        ReadOnlySpan<byte> rest = file[PngWriter.Signature.Length..];
        var data = new MemoryStream();
        Parts? parts = null;
        while (true)
        {
            long length = rest.Length < 12 ? long.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12)
            {
                throw new DatasetException($"{name} is a truncated PNG: it ends after {file.Length} bytes inside a chunk. Replace or remove it.");
            }

            ReadOnlySpan<byte> typed = rest.Slice(4, 4 + (int)length);
            ReadOnlySpan<byte> type = typed[..4];
            ReadOnlySpan<byte> content = typed[4..];
            if (Crc32.Of(typed) != BinaryPrimitives.ReadUInt32BigEndian(rest[(8 + (int)length)..]))
            {
                throw new DatasetException($"{name} is a damaged PNG: the checksum of chunk {System.Text.Encoding.Latin1.GetString(type)} is wrong. Replace or remove it.");
            }

            rest = rest[(12 + (int)length)..];
            if (parts is null)
            {
                parts = type.SequenceEqual("IHDR"u8) && content.Length == 13 ? ReadHeader(content, name)
                    : throw new DatasetException($"{name} is a damaged PNG: it does not start with a header. Replace or remove it.");
            }
            else if (type.SequenceEqual("PLTE"u8))
            {
                parts.Palette = content.ToArray();
            }
            else if (type.SequenceEqual("tRNS"u8) && parts.Type == ColourType.Palette)
            {
                parts.Alpha = content.ToArray();
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                data.Write(content);
            }
            else if (type.SequenceEqual("IEND"u8))
            {
                parts.Data = data.ToArray();
                return parts;
            }
        }
    }

    private static Parts ReadHeader(ReadOnlySpan<byte> header, string name)
    {
        int depth = header[8];
        var type = (ColourType)header[9];
        bool legal = type switch
        {
            ColourType.Grey => depth is 1 or 2 or 4 or 8 or 16,
            ColourType.Palette => depth is 1 or 2 or 4 or 8,
            ColourType.Rgb or ColourType.GreyAlpha or ColourType.Rgba => depth is 8 or 16,
            _ => false,
        };
        if (!legal || header[10] != 0 || header[11] != 0 || header[12] > 1)
        {
            throw new DatasetException($"{name} is a damaged PNG: colour type {header[9]} with {depth} bits, compression {header[10]}, filter {header[11]}, interlacing {header[12]} does not exist. Replace or remove it.");
        }

        uint width = BinaryPrimitives.ReadUInt32BigEndian(header);
        uint height = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        ImageShape.Checked(4, height, width, name);
        return new Parts { Width = (int)width, Height = (int)height, Depth = depth, Type = type, Interlaced = header[12] == 1 };
    }

    private static void DecodePass(ZLibStream zlib, Parts parts, ImageShape shape, byte[] output, int startX, int startY, int stepX, int stepY, string name)
    {
        int columns = (parts.Width - startX + stepX - 1) / stepX;
        if (columns <= 0 || startY >= parts.Height)
        {
            return;
        }

        int samples = parts.Type switch { ColourType.Rgb => 3, ColourType.GreyAlpha => 2, ColourType.Rgba => 4, _ => 1 };
        int rowBytes = ((columns * samples * parts.Depth) + 7) / 8;
        int pixelBytes = Math.Max(1, samples * parts.Depth / 8);
        byte[] row = new byte[rowBytes];
        byte[] above = new byte[rowBytes];
        Span<byte> filter = stackalloc byte[1];
        for (int y = startY; y < parts.Height; y += stepY)
        {
            zlib.ReadExactly(filter);
            zlib.ReadExactly(row);
            Unfilter(filter[0], row, above, pixelBytes, name);
            if (parts.Depth == 8 && parts.Type != ColourType.Palette && stepX == 1)
            {
                StoreRow(row, output.AsSpan(y * parts.Width), shape.Height * shape.Width, columns, samples);
                (row, above) = (above, row);
                continue;
            }

            for (int i = 0; i < columns; i++)
            {
                StorePixel(parts, shape, output, row, i, samples, (y * parts.Width) + startX + (i * stepX), name);
            }

            (row, above) = (above, row);
        }
    }

    private static void Unfilter(byte filter, byte[] row, byte[] above, int pixelBytes, string name)
    {
        switch (filter)
        {
            case 0:
                return;
            case 1:
                for (int i = pixelBytes; i < row.Length; i++)
                {
                    row[i] += row[i - pixelBytes];
                }

                return;
            case 2:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += above[i];
                }

                return;
            case 3:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += (byte)(((i < pixelBytes ? 0 : row[i - pixelBytes]) + above[i]) / 2);
                }

                return;
            case 4:
                for (int i = 0; i < row.Length; i++)
                {
                    bool first = i < pixelBytes;
                    row[i] += (byte)Paeth(first ? 0 : row[i - pixelBytes], above[i], first ? 0 : above[i - pixelBytes]);
                }

                return;
            default:
                throw new DatasetException($"{name} is a damaged PNG: row filter {filter} does not exist. Replace or remove it.");
        }
    }

    /// <summary>The common case, several times faster than pixel by pixel.</summary>
    private static void StoreRow(byte[] row, Span<byte> output, int plane, int columns, int samples)
    {
        for (int channel = 0; channel < samples; channel++)
        {
            Span<byte> target = output.Slice(channel * plane, columns);
            for (int i = 0, source = channel; i < target.Length; i++, source += samples)
            {
                target[i] = row[source];
            }
        }
    }

    private static void StorePixel(Parts parts, ImageShape shape, byte[] output, byte[] row, int column, int samples, int target, string name)
    {
        int plane = shape.Height * shape.Width;
        if (parts.Type == ColourType.Palette)
        {
            int entry = Sample(row, column, parts.Depth);
            if ((entry * 3) + 3 > parts.Palette.Length)
            {
                throw new DatasetException($"{name} is a damaged PNG: colour {entry} is not in its palette of {parts.Palette.Length / 3}. Replace or remove it.");
            }

            for (int channel = 0; channel < 3; channel++)
            {
                output[(channel * plane) + target] = parts.Palette.Span[(entry * 3) + channel];
            }

            if (shape.Channels == 4)
            {
                output[(3 * plane) + target] = entry < parts.Alpha.Length ? parts.Alpha.Span[entry] : (byte)255;
            }

            return;
        }

        for (int channel = 0; channel < samples; channel++)
        {
            int sample = Sample(row, (column * samples) + channel, parts.Depth);
            output[(channel * plane) + target] = (byte)(parts.Depth < 8 ? sample * 255 / ((1 << parts.Depth) - 1) : sample);
        }
    }

    /// <summary>A sample of a packed row; of 16-bit samples the upper half.</summary>
    private static int Sample(byte[] row, int index, int depth) => depth switch
    {
        8 => row[index],
        16 => row[index * 2],
        _ => (row[index * depth / 8] >> (8 - depth - (index * depth % 8))) & ((1 << depth) - 1),
    };

    private sealed class Parts
    {
        public int Width { get; init; }

        public int Height { get; init; }

        public int Depth { get; init; }

        public ColourType Type { get; init; }

        public bool Interlaced { get; init; }

        public ReadOnlyMemory<byte> Palette { get; set; }

        public ReadOnlyMemory<byte> Alpha { get; set; }

        public byte[] Data { get; set; } = [];
    }
}
