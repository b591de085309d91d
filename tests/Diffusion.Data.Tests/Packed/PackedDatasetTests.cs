namespace Diffusion.Data.Tests.Packed;

public sealed class PackedDatasetTests
{
    private static readonly ImageShape Shape = new(3, 8, 8);

    [Fact]
    public void Open_AfterBuild_ReturnsEveryImage()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 300, Shape, i => i % 7);
        byte[] pixels = TestData.Noise(300 * Shape.Elements, seed: 1);
        for (int i = 0; i < 300; i++)
        {
            Assert.True(dataset.Image(i).SequenceEqual(pixels.AsSpan(i * Shape.Elements, Shape.Elements)), $"Image {i}.");
            Assert.Equal(i % 7, dataset.Labels.Classes[i]);
        }

        Assert.Equal((300, 7, "noise"), (dataset.Count, dataset.Labels.Dimension, dataset.Name));
        dataset.Verify(null, CancellationToken.None);
        Assert.Empty(Directory.GetFiles(directory["packed"], "*.tmp"));
    }

    [Fact]
    public void Digest_SameContent_IsTheSameElsewhere()
    {
        using var here = new TemporaryDirectory();
        using var there = new TemporaryDirectory();
        using PackedDataset first = TestData.Pack(here, 20, Shape, i => i % 2);
        using PackedDataset second = TestData.Pack(there, 20, Shape, i => i % 2);
        using var other = new TemporaryDirectory();
        using PackedDataset relabelled = TestData.Pack(other, 20, Shape, i => (i + 1) % 2);
        Assert.Equal(first.Digest, second.Digest);
        Assert.NotEqual(first.Digest, relabelled.Digest);
    }

    [Fact]
    public void Open_TruncatedFile_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        TestData.Pack(directory, 20, Shape).Dispose();
        using (FileStream file = File.OpenWrite(directory["packed/images-00000.bin"]))
        {
            file.SetLength(file.Length - 1);
        }

        Assert.Contains("Delete", Assert.Throws<DatasetException>(() => PackedDataset.Open(directory["packed"])).Message);
    }

    [Theory]
    [InlineData("images-00000.bin")]
    [InlineData("labels.bin")]
    public void Verify_FlippedBit_IsFound(string name)
    {
        using var directory = new TemporaryDirectory();
        TestData.Pack(directory, 20, Shape, i => i % 8).Dispose();
        byte[] bytes = File.ReadAllBytes(directory[$"packed/{name}"]);
        bytes[8] ^= 1;
        File.WriteAllBytes(directory[$"packed/{name}"], bytes);
        using PackedDataset dataset = PackedDataset.Open(directory["packed"]);
        Assert.Contains(name, Assert.Throws<DatasetException>(() => dataset.Verify(null, CancellationToken.None)).Message);
    }

    [Theory]
    [InlineData("\"count\": 20", "\"count\": 21")]
    [InlineData("\"count\": 20", "\"count\": 0")]
    [InlineData("diffusion-packed-1", "diffusion-packed-9")]
    [InlineData("\"imagesPerFile\": 20", "\"imagesPerFile\": 0")]
    [InlineData("\"channels\": 3", "\"channels\": 300000")]
    [InlineData("images-00000.bin", "../images-00000.bin")]
    [InlineData("\"channels\": 3", "\"canals\": 3")]
    [InlineData("{", "")]
    public void Open_ContradictoryManifest_IsRefused(string right, string wrong)
    {
        using var directory = new TemporaryDirectory();
        TestData.Pack(directory, 20, Shape).Dispose();
        string path = directory["packed/manifest.json"];
        string manifest = File.ReadAllText(path);
        Assert.Contains(right, manifest);
        File.WriteAllText(path, manifest.Replace(right, wrong));
        Assert.Throws<DatasetException>(() => PackedDataset.Open(directory["packed"]));
    }

    [Fact]
    public void Image_OutOfRange_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 20, Shape);
        Assert.Throws<ArgumentOutOfRangeException>(() => dataset.Image(20).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => dataset.Image(-1).Length);
    }

    [Fact]
    public void Image_Disposed_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        PackedDataset dataset = TestData.Pack(directory, 20, Shape);
        dataset.Dispose();
        Assert.Throws<ObjectDisposedException>(() => dataset.Image(0).Length);
    }

    // An image of 48 MiB leaves room for one in each file of 64.
    [Fact]
    public void Build_SeveralFiles_KeepsTheOrder()
    {
        using var directory = new TemporaryDirectory();
        var shape = new ImageShape(1, 7000, 7000);
        byte[] pixels = new byte[3 * shape.Elements];
        for (int i = 0; i < 3; i++)
        {
            pixels[(i * shape.Elements) + 5] = (byte)(i + 1);
        }

        using var source = new ArrayImageSource("large", "memory", pixels, shape, LabelTable.None);
        PackedDatasetBuilder.Build(source, directory["packed"], null, CancellationToken.None);
        using PackedDataset dataset = PackedDataset.Open(directory["packed"]);
        Assert.Equal(3, Directory.GetFiles(directory["packed"], "images-*.bin").Length);
        Assert.Equal([1, 2, 3], Enumerable.Range(0, 3).Select(i => dataset.Image(i)[5]));
    }
}
