using System.Formats.Tar;
using System.IO.Compression;
using System.Text;

namespace Diffusion.Data.Tests.Sources;

public sealed class PublishedArchivesTests
{
    private const int PerBatch = 20;
    private const int Record = 3072;

    [Fact]
    public void Open_CifarForPython_EqualsCifarBinary()
    {
        using var directory = new TemporaryDirectory();
        byte[][] pixels = [.. Enumerable.Range(1, 5).Select(number => TestData.Noise(PerBatch * Record, seed: number))];
        byte[][] labels = [.. Enumerable.Range(1, 5).Select(number => Array.ConvertAll(TestData.Noise(PerBatch, seed: 10 + number), label => (byte)(label % 10)))];
        WriteTar(directory["cifar-10-python.tar.gz"], [.. Enumerable.Range(0, 5).Select(i => ($"cifar-10-batches-py/data_batch_{i + 1}", CifarPickle.Write(pixels[i], labels[i])))]);
        WriteTar(directory["cifar-10-binary.tar.gz"], [.. Enumerable.Range(0, 5).Select(i => ($"cifar-10-batches-bin/data_batch_{i + 1}.bin", Binary(pixels[i], labels[i])))]);
        foreach (string name in new[] { "cifar-10-python.tar.gz", "cifar-10-binary.tar.gz" })
        {
            using IImageSource source = ImageSources.Open(directory[name]);
            Assert.Equal(5 * PerBatch, source.Count);
            Assert.Equal(labels.SelectMany(batch => batch.Select(label => (long)label)), source.Labels.Classes.ToArray());
            Assert.Equal(pixels.SelectMany(batch => batch), Enumerable.Range(0, source.Count).SelectMany(i => source.Read(i).Bytes));
            Assert.Equal("airplane", source.Labels.ClassNames[0]);
            Assert.Equal(new ImageShape(3, 32, 32), source.Read(0).Shape);
        }
    }

    [Fact]
    public void Open_CifarWithoutABatch_NamesIt()
    {
        using var directory = new TemporaryDirectory();
        WriteTar(directory["cifar-10-binary.tar.gz"], [("x/data_batch_1.bin", Binary(new byte[Record], [1]))]);
        Assert.Contains("data_batch_2", Assert.Throws<DatasetException>(() => ImageSources.Open(directory["cifar-10-binary.tar.gz"]).Dispose()).Message);
    }

    [Fact]
    public void Open_TruncatedArchive_SaysSo()
    {
        using var directory = new TemporaryDirectory();
        WriteTar(directory["cifar-10-binary.tar.gz"], [("x/data_batch_1.bin", TestData.Noise(50 * (Record + 1), 1))]);
        byte[] whole = File.ReadAllBytes(directory["cifar-10-binary.tar.gz"]);
        foreach (int length in new[] { 0, 5, 100, whole.Length / 2 })
        {
            string path = directory.Write("cut-binary.tar.gz", whole.AsSpan(0, length));
            Assert.Contains("cut-binary", Assert.Throws<DatasetException>(() => ImageSources.Open(path).Dispose()).Message);
        }
    }

    // The classic attack: a global function with arguments, called on loading.
    [Fact]
    public void Read_PickleThatCallsAFunction_IsRefused()
    {
        byte[] pickle = [0x80, 2, .. "cposix\nsystem\n"u8, (byte)'U', 4, .. "true"u8, 0x85, (byte)'R', (byte)'.'];
        Assert.Contains("posix.system", Assert.Throws<DatasetException>(() => new PickleReader(pickle, "test").Read()).Message);
    }

    [Fact]
    public void Read_AnyDamagedPickle_IsADatasetException()
    {
        byte[] whole = CifarPickle.Write(TestData.Noise(Record, 1), [3]);
        int interesting = whole.Length - Record;
        var random = new Random(5);
        for (int trial = 0; trial < 5000; trial++)
        {
            byte[] damaged = [.. whole.AsSpan(0, trial % 2 == 0 ? whole.Length : random.Next(whole.Length))];
            int position = random.Next(Math.Min(interesting, Math.Max(damaged.Length, 1)));
            if (position < damaged.Length)
            {
                damaged[position] = (byte)random.Next(256);
            }

            Exception? error = Xunit.Record.Exception(() => new PickleReader(damaged, "test").Read());
            Assert.True(error is null or DatasetException, $"Seed 5, trial {trial}: {error}");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_Mnist_PadsTo32(bool zipped)
    {
        using var directory = new TemporaryDirectory();
        byte[] pixels = TestData.Noise(3 * 28 * 28, 1);
        WriteIdx(directory, "train-images-idx3-ubyte", zipped, [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 28, 0, 0, 0, 28, .. pixels]);
        WriteIdx(directory, "train-labels-idx1-ubyte", zipped, [0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]);
        using IImageSource source = ImageSources.Open(directory["train-images-idx3-ubyte" + (zipped ? ".gz" : string.Empty)]);
        Assert.Equal([5L, 0, 4], source.Labels.Classes.ToArray());
        DecodedImage image = source.Read(2);
        Assert.Equal(new ImageShape(1, 32, 32), image.Shape);
        Assert.Equal(pixels[(2 * 784) + (3 * 28) + 7], image.Bytes[(5 * 32) + 9]);
        Assert.All(image.Bytes.Take(64), pixel => Assert.Equal(0, pixel));
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 4, 1, 2 }, "truncated")]
    [InlineData(new byte[] { 0, 0, 8, 1, 0, 0, 0, 1, 0 }, "IDX")]
    [InlineData(new byte[] { 0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 }, "claims")]
    [InlineData(new byte[0], "IDX")]
    public void Open_DamagedMnist_SaysWhy(byte[] file, string expected)
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("train-images-idx3-ubyte", file);
        Assert.Contains(expected, Assert.Throws<DatasetException>(() => ImageSources.Open(path).Dispose()).Message);
    }

    private static byte[] Binary(byte[] pixels, byte[] labels) =>
        [.. labels.SelectMany((label, i) => new[] { label }.Concat(pixels.Skip(i * Record).Take(Record)))];

    private static void WriteIdx(TemporaryDirectory directory, string name, bool zipped, byte[] content)
    {
        if (!zipped)
        {
            directory.Write(name, content);
            return;
        }

        using var gzip = new GZipStream(File.Create(directory[name + ".gz"]), CompressionLevel.Fastest);
        gzip.Write(content);
    }

    private static void WriteTar(string path, (string Name, byte[] Content)[] members)
    {
        using var tar = new TarWriter(new GZipStream(File.Create(path), CompressionLevel.Fastest));
        foreach ((string name, byte[] content) in members)
        {
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
        }
    }
}

/// <summary>Writes a batch as Python 2 pickled it in 2009: protocol 2, memo after every object, labels as small integers.</summary>
internal static class CifarPickle
{
    public static byte[] Write(byte[] pixels, byte[] labels)
    {
        var file = new MemoryStream();
        byte slot = 1;
        void Raw(params byte[] bytes) => file.Write(bytes);
        void Put() => Raw((byte)'q', slot++);
        void Text(string text)
        {
            Raw([(byte)'U', (byte)text.Length, .. Encoding.ASCII.GetBytes(text)]);
            Put();
        }

        Raw(0x80, 2, (byte)'}');
        Put();
        Raw((byte)'(');
        Text("batch_label");
        Text("training batch 1 of 5");
        Text("labels");
        Raw((byte)']');
        Put();
        Raw((byte)'(');
        Array.ForEach(labels, label => Raw((byte)'K', label));
        Raw((byte)'e');
        Text("data");
        Raw([.. "cnumpy.core.multiarray\n_reconstruct\n"u8]);
        Put();
        Raw([.. "cnumpy\nndarray\n"u8]);
        Put();
        Raw((byte)'K', 0, 0x85);
        Put();
        Text("b");
        Raw(0x87);
        Put();
        Raw((byte)'R');
        Put();
        Raw((byte)'(', (byte)'K', 1, (byte)'M', (byte)labels.Length, (byte)(labels.Length >> 8), (byte)'M', 0x00, 0x0c, 0x86);
        Put();
        Raw([.. "cnumpy\ndtype\n"u8]);
        Put();
        Text("u1");
        Raw((byte)'K', 0, (byte)'K', 1, 0x87);
        Put();
        Raw((byte)'R');
        Put();
        Raw((byte)'(', (byte)'K', 3);
        Text("|");
        Raw((byte)'N', (byte)'N', (byte)'N', (byte)'J', 255, 255, 255, 255, (byte)'J', 255, 255, 255, 255, (byte)'K', 0, (byte)'t');
        Put();
        Raw([(byte)'b', 0x89, (byte)'T', .. BitConverter.GetBytes(pixels.Length), .. pixels]);
        Put();
        Raw((byte)'t');
        Put();
        Raw((byte)'b');
        Text("filenames");
        Raw((byte)']');
        Put();
        Raw((byte)'u', (byte)'.');
        return file.ToArray();
    }
}
