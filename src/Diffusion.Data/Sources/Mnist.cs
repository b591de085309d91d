using System.Buffers.Binary;
using System.IO.Compression;

namespace Diffusion.Data;

/// <summary>MNIST and its kin (IDX files, gzipped or not), padded from 28 to 32 pixels by black, one channel.</summary>
internal static class Mnist
{
    private const int Padding = 2;
    private const long MostImages = 10_000_000;

    public static IImageSource Open(string imagesPath)
    {
        byte[] images = ReadWhole(imagesPath);
        int[] sides = Sides(images, 3, imagesPath);
        (int count, int height, int width) = (sides[0], sides[1], sides[2]);
        var shape = new ImageShape(1, height + (2 * Padding), width + (2 * Padding));
        byte[] padded = new byte[checked(count * shape.Elements)];
        for (int row = 0; row < count * height; row++)
        {
            (int image, int y) = Math.DivRem(row, height);
            images.AsSpan(16 + (row * width), width).CopyTo(padded.AsSpan((image * shape.Elements) + ((y + Padding) * shape.Width) + Padding));
        }

        string name = Path.GetFileName(imagesPath);
        return new ArrayImageSource(name.Split('-', '.')[0], imagesPath, padded, shape, Labels(imagesPath, count));
    }

    private static LabelTable Labels(string imagesPath, int count)
    {
        string path = Path.Combine(Path.GetDirectoryName(imagesPath)!, Path.GetFileName(imagesPath).Replace("images-idx3", "labels-idx1", StringComparison.Ordinal));
        if (!File.Exists(path))
        {
            return LabelTable.None;
        }

        byte[] labels = ReadWhole(path);
        int found = Sides(labels, 1, path)[0];
        return found == count
            ? LabelTable.OfClasses(Array.ConvertAll(labels[8..], label => (long)label), [])
            : throw new DatasetException($"{path} holds {found} labels for {count} images. The two files do not belong together; download both again.");
    }

    private static int[] Sides(byte[] file, int dimensions, string path)
    {
        int start = 4 + (4 * dimensions);
        if (file.Length < start || file[0] != 0 || file[1] != 0 || file[2] != 8 || file[3] != dimensions)
        {
            throw new DatasetException($"{path} is no IDX file of bytes with {dimensions} dimensions. Download it again.");
        }

        long[] sides = [.. Enumerable.Range(0, dimensions).Select(i => (long)BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(4 + (4 * i))))];
        ImageShape.Checked(1, dimensions == 3 ? sides[1] : 1, dimensions == 3 ? sides[2] : 1, path);
        long elements = sides.Aggregate((a, b) => a * b);
        return sides[0] is >= 1 and <= MostImages && elements == file.Length - start
            ? Array.ConvertAll(sides, side => (int)side)
            : throw new DatasetException($"{path} has {file.Length - start} bytes of data, its header says {string.Join("x", sides)}: it is truncated or damaged. Download it again.");
    }

    private static byte[] ReadWhole(string path)
    {
        if (!path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
        {
            return File.ReadAllBytes(path);
        }

        try
        {
            using var gzip = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            using var content = new MemoryStream();
            gzip.CopyTo(content);
            return content.ToArray();
        }
        catch (InvalidDataException e)
        {
            throw new DatasetException($"{path} is a damaged gzip file. Download it again.", e);
        }
    }
}
