using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Diffusion.Snapshots.Files;

namespace Diffusion.Evaluation.References;

/// <summary>An array of an <c>.npz</c> file.</summary>
/// <param name="Shape">Dimensions.</param>
/// <param name="Values">Values, row-major.</param>
public sealed record NumpyArray(IReadOnlyList<int> Shape, double[] Values);

/// <summary>NumPy's <c>.npz</c>: a ZIP of <c>.npy</c> arrays. Arrays of numbers only: pickled objects, which could run code, are refused.</summary>
public static partial class NumpyArchive
{
    private const string Remedy = "Save it with numpy.savez(file, mu=..., sigma=...) as float64.";
    private const int LargestHeader = 1 << 16;
    private const long LargestArray = 1L << 31;

    /// <summary>Reads the arrays of given names.</summary>
    /// <exception cref="DamagedFileException">The file is no such archive, an array is missing, holds no floats, or is shorter than its shape says.</exception>
    public static IReadOnlyDictionary<string, NumpyArray> Read(string path, params IReadOnlyList<string> names)
    {
        try
        {
            using var archive = ZipFile.OpenRead(path);
            return names.ToDictionary(name => name, name => ReadArray(path, name, archive.GetEntry(name + ".npy")
                ?? throw new DamagedFileException(path, $"it holds no array '{name}', only {string.Join(", ", archive.Entries.Take(10).Select(e => $"'{Path.GetFileNameWithoutExtension(e.FullName)}'"))}", Remedy)));
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new DamagedFileException(path, $"it is no whole .npz file ({e.Message.TrimEnd('.')})", Remedy, e);
        }
    }

    /// <summary>Writes float64 arrays; the file appears whole or not at all. Equal arrays give equal bytes.</summary>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public static void Write(string path, params IReadOnlyList<(string Name, NumpyArray Array)> arrays)
    {
        using var content = new MemoryStream();
        using (var archive = new ZipArchive(content, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, array) in arrays)
            {
                var entry = archive.CreateEntry(name + ".npy", CompressionLevel.NoCompression);
                entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
                using var stream = entry.Open();
                stream.Write(Header(array.Shape));
                stream.Write(MemoryMarshal.AsBytes(array.Values.AsSpan()));
            }
        }

        AtomicFile.WriteAllBytes(path, content.GetBuffer().AsSpan(0, (int)content.Length));
    }

    private static byte[] Header(IReadOnlyList<int> shape)
    {
        string sides = string.Join(", ", shape.Select(s => s.ToString(CultureInfo.InvariantCulture)));
        string text = $"{{'descr': '<f8', 'fortran_order': False, 'shape': ({sides}{(shape.Count == 1 ? "," : "")}), }}";

        // The data start at a multiple of 64.
        int padding = 63 - ((10 + text.Length) % 64);
        text += new string(' ', padding) + "\n";
        byte[] header = new byte[10 + text.Length];
        "NUMPY"u8.CopyTo(header.AsSpan(1));
        header[0] = 0x93;
        header[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)text.Length);
        Encoding.ASCII.GetBytes(text, header.AsSpan(10));
        return header;
    }

    private static NumpyArray ReadArray(string path, string name, ZipArchiveEntry entry)
    {
        DamagedFileException Fault(string how) => new(path, $"its array '{name}' {how}", Remedy);
        using var stream = entry.Open();
        byte[] start = new byte[12];
        stream.ReadExactly(start, 0, 10);
        if (start[0] != 0x93 || !start.AsSpan(1, 5).SequenceEqual("NUMPY"u8))
        {
            throw Fault("is no .npy array");
        }

        int length = BinaryPrimitives.ReadUInt16LittleEndian(start.AsSpan(8));
        if (start[6] >= 2)
        {
            stream.ReadExactly(start, 10, 2);
            length = BinaryPrimitives.ReadInt32LittleEndian(start.AsSpan(8));
        }

        if (length is < 0 or > LargestHeader)
        {
            throw Fault($"claims a header of {length} bytes");
        }

        byte[] text = new byte[length];
        stream.ReadExactly(text);
        var match = HeaderPattern().Match(Encoding.UTF8.GetString(text));
        if (!match.Success || match.Groups["type"].Value is not ("<f8" or "<f4"))
        {
            throw Fault($"is of a kind that is not read here ({Encoding.UTF8.GetString(text).Trim()}); only '<f8' and '<f4', row-major, are: objects are pickles, which could run code");
        }

        int[] shape = [.. match.Groups["shape"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(s => int.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out int side) ? side : throw Fault($"has a side of {s}"))];
        int size = match.Groups["type"].Value == "<f8" ? sizeof(double) : sizeof(float);
        long count = shape.Aggregate(1L, (product, side) => product <= LargestArray ? product * side : product);
        if (count * size > LargestArray || entry.Length != start.Length - (start[6] >= 2 ? 0 : 2) + length + (count * size))
        {
            throw Fault($"has {entry.Length} bytes, which are not those of its shape ({string.Join(", ", shape)})");
        }

        byte[] bytes = new byte[count * size];
        stream.ReadExactly(bytes);
        return new NumpyArray(shape, size == sizeof(double) ? MemoryMarshal.Cast<byte, double>(bytes).ToArray() : Array.ConvertAll(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), v => (double)v));
    }

    [GeneratedRegex(@"^\{\s*'descr':\s*'(?<type>[^']*)',\s*'fortran_order':\s*False,\s*'shape':\s*\((?<shape>[0-9, ]*)\),?\s*\}\s*$")]
    private static partial Regex HeaderPattern();
}
