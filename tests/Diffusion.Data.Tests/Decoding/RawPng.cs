using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Diffusion.Data.Tests.Decoding;

/// <summary>Makes PNG files of any kind from raw rows, filter bytes included.</summary>
internal static class RawPng
{
    private static readonly (int X, int Y, int StepX, int StepY)[] Passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    /// <summary>An image of random samples whose rows claim random filters: any bytes are legal filtered rows.</summary>
    public static byte[] Random(int width, int height, int colourType, int depth, bool interlaced, int seed, bool transparentPalette = false)
    {
        var random = new Random(seed);
        int samples = colourType switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        var rows = new MemoryStream();
        foreach ((int x, int y, int stepX, int stepY) in interlaced ? Passes : [(0, 0, 1, 1)])
        {
            int columns = (width - x + stepX - 1) / stepX;
            for (int row = y; row < height && columns > 0; row += stepY)
            {
                byte[] bytes = new byte[((columns * samples * depth) + 7) / 8];
                random.NextBytes(bytes);

                // Palette images name only colours that exist: their rows are not filtered.
                rows.WriteByte((byte)(colourType == 3 ? 0 : random.Next(5)));
                rows.Write(bytes);
            }
        }

        byte[] palette = new byte[3 << depth];
        random.NextBytes(palette);
        return File(width, height, colourType, depth, interlaced, rows.ToArray(), colourType == 3 ? palette : null, transparentPalette ? [7, 90] : null);
    }

    public static byte[] File(int width, int height, int colourType, int depth, bool interlaced, byte[] rows, byte[]? palette = null, byte[]? alpha = null)
    {
        var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(rows);
        }

        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = ((byte)depth, (byte)colourType, (byte)(interlaced ? 1 : 0));
        byte[] data = compressed.ToArray();
        return
        [
            0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a,
            .. Chunk("IHDR", header),
            .. palette is null ? [] : Chunk("PLTE", palette),
            .. alpha is null ? [] : Chunk("tRNS", alpha),
            .. Chunk("tEXt", "Comment\0ignored"u8.ToArray()),
            .. Chunk("IDAT", data[..(data.Length / 2)]),
            .. Chunk("IDAT", data[(data.Length / 2)..]),
            .. Chunk("IEND", []),
        ];
    }

    public static byte[] Chunk(string type, byte[] content)
    {
        byte[] typed = [.. Encoding.ASCII.GetBytes(type), .. content];
        byte[] chunk = new byte[typed.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(chunk, content.Length);
        typed.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(4 + typed.Length), SlowCrc(typed));
        return chunk;
    }

    /// <summary>Bit by bit: the twin of the product's tables.</summary>
    public static uint SlowCrc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xedb88320u : crc >> 1;
            }
        }

        return ~crc;
    }
}
