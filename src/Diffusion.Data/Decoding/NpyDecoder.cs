using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Diffusion.Data;

/// <summary>Reads NumPy's .npy arrays of uint8 or float32, little-endian, row-major, as [everything, H, W].</summary>
internal static partial class NpyDecoder
{
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    public static DecodedImage Decode(ReadOnlySpan<byte> file, string name)
    {
        (string header, int dataStart) = ReadHeader(file, name);
        Match match = HeaderPattern().Match(header);
        if (!match.Success)
        {
            throw new DatasetException($"{name} has an array header that cannot be understood: {header.Trim()}. Save it with numpy.save.");
        }

        ImageElement element = match.Groups["type"].Value switch
        {
            "<f4" => ImageElement.Latent,
            "|u1" or "<u1" => ImageElement.Pixel,
            string other => throw new DatasetException($"{name} holds values of type '{other}'; latents must be float32 ('<f4') and pixels uint8 ('|u1'). Convert it with array.astype."),
        };
        if (match.Groups["fortran"].Value != "False")
        {
            throw new DatasetException($"{name} is stored column-major; arrays must be row-major. Save numpy.ascontiguousarray(array).");
        }

        long[] sides = [.. match.Groups["shape"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(side => ParseSide(side, name))];
        if (sides.Length < 2)
        {
            throw new DatasetException($"{name} has {sides.Length} dimensions; an image needs at least height and width.");
        }

        long channels = 1;
        foreach (long side in sides.AsSpan(0, sides.Length - 2))
        {
            channels = ImageShape.Checked(channels * side, 1, 1, name).Channels;
        }

        ImageShape shape = ImageShape.Checked(channels, sides[^2], sides[^1], name);
        int bytes = checked(shape.Elements * element.Bytes());
        if (file.Length - dataStart != bytes)
        {
            throw new DatasetException($"{name} holds {file.Length - dataStart} bytes of data, its shape {shape} needs {bytes}: it is truncated or damaged. Replace or remove it.");
        }

        return new DecodedImage(shape, element, file[dataStart..].ToArray());
    }

    private static (string Header, int DataStart) ReadHeader(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < 12 || !file.StartsWith(Magic))
        {
            throw new DatasetException($"{name} is no .npy file: it starts with other bytes or ends at once. Replace or remove it.");
        }

        bool wide = file[6] >= 2;
        int start = wide ? 12 : 10;
        long length = wide ? BinaryPrimitives.ReadUInt32LittleEndian(file[8..]) : BinaryPrimitives.ReadUInt16LittleEndian(file[8..]);
        return length <= file.Length - start
            ? (Encoding.UTF8.GetString(file.Slice(start, (int)length)), start + (int)length)
            : throw new DatasetException($"{name} is a truncated .npy file: it ends inside its header. Replace or remove it.");
    }

    private static long ParseSide(string side, string name) =>
        long.TryParse(side, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && value <= ImageShape.MostElements
            ? value
            : throw new DatasetException($"{name} claims a side of '{side}', which no image has. The file is damaged; remove it.");

    [GeneratedRegex(@"^\{\s*'descr':\s*'(?<type>[^']*)',\s*'fortran_order':\s*(?<fortran>True|False),\s*'shape':\s*\((?<shape>[0-9, ]*)\),?\s*\}\s*$")]
    private static partial Regex HeaderPattern();
}
