using System.IO.Compression;

namespace Diffusion.Data.Tests;

/// <summary>Images made up for tests.</summary>
internal static class TestData
{
    public static byte[] Noise(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static byte[] Png(ImageShape shape, int seed) => PngWriter.Encode(Noise(shape.Elements, seed), shape, CompressionLevel.Fastest);

    /// <summary>A folder of noise images, all alike; number i has seed i.</summary>
    public static void WriteFolder(TemporaryDirectory directory, ImageShape shape, params string[] names)
    {
        for (int i = 0; i < names.Length; i++)
        {
            directory.Write(names[i], Png(shape, i));
        }
    }

    public static PackedDataset Pack(TemporaryDirectory directory, int count, ImageShape shape, Func<int, int>? labelOf = null)
    {
        LabelTable labels = labelOf is null ? LabelTable.None : LabelTable.OfClasses([.. Enumerable.Range(0, count).Select(i => (long)labelOf(i))], []);
        using var source = new ArrayImageSource("noise", "memory", Noise(count * shape.Elements, seed: 1), shape, labels);
        PackedDatasetBuilder.Build(source, directory["packed"], progress: null, CancellationToken.None);
        return PackedDataset.Open(directory["packed"]);
    }
}
