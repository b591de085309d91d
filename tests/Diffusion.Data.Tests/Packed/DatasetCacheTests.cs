using System.Runtime.InteropServices;
using System.Text.Json;

namespace Diffusion.Data.Tests.Packed;

public sealed class DatasetCacheTests
{
    [Theory]
    [InlineData("dhariwal")]
    [InlineData("center_crop")]
    [InlineData("stretch")]
    [InlineData("wide")]
    [InlineData("latents")]
    public void Open_GoldenArchive_HasItsImagesAndLabels(string name)
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = new DatasetCache(directory.Path).Open(Golden.PathOf($"dataset_small/{name}.zip"), null, CancellationToken.None);
        JsonElement expected = Golden.Json("dataset_small/expected.json").GetProperty(name);
        Assert.Equal(name, dataset.Name);
        Assert.Equal(expected.GetProperty("image_shape").EnumerateArray().Select(side => side.GetInt32()), [dataset.Shape.Channels, dataset.Shape.Height, dataset.Shape.Width]);
        Assert.Equal(expected.GetProperty("label_dim").GetInt32(), dataset.Labels.Dimension);

        byte[] bytes = name == "latents"
            ? MemoryMarshal.AsBytes(Golden.Tensor<float>("dataset_small/expected.safetensors", name).AsSpan()).ToArray()
            : Golden.Tensor<byte>("dataset_small/expected.safetensors", name);
        Assert.Equal(bytes, Enumerable.Range(0, dataset.Count).SelectMany(i => dataset.Image(i).ToArray()));
        JsonElement labels = expected.GetProperty("labels");
        for (int i = 0; i < dataset.Count; i++)
        {
            float[] label = new float[dataset.Labels.Dimension];
            dataset.Labels.CopyTo(i, label);
            Assert.Equal(labels[i].EnumerateArray().Select(value => value.GetSingle()), label);
        }
    }

    [Fact]
    public void Open_Again_DoesNotPackAgain()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, new ImageShape(3, 4, 4), "data/a/0.png", "data/b/0.png");
        var cache = new DatasetCache(directory["cache"]);
        using (PackedDataset first = cache.Open(directory["data"], null, CancellationToken.None))
        {
            Assert.Equal(["a", "b"], first.Labels.ClassNames);
        }

        // Only a packed form that is found can be opened now.
        var untouched = new CountingProgress();
        using PackedDataset second = cache.Open(directory["data"], untouched, CancellationToken.None);
        Assert.Equal(0, untouched.Reports);
    }

    [Fact]
    public void Open_ChangedSource_PacksAnew()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, new ImageShape(3, 4, 4), "data/0.png", "data/1.png");
        var cache = new DatasetCache(directory["cache"]);
        cache.Open(directory["data"], null, CancellationToken.None).Dispose();
        directory.Write("data/2.png", TestData.Png(new ImageShape(3, 4, 4), 2));
        using PackedDataset changed = cache.Open(directory["data"], null, CancellationToken.None);
        Assert.Equal(3, changed.Count);
    }

    [Fact]
    public void Open_InterruptedPacking_StartsOver()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, new ImageShape(3, 4, 4), "data/0.png", "data/1.png");
        var cache = new DatasetCache(directory["cache"]);
        string packed = cache.PackedPathOf(directory["data"]);
        Directory.CreateDirectory(packed);
        File.WriteAllText(Path.Combine(packed, "images-00000.bin.tmp"), "half");
        File.WriteAllText(Path.Combine(packed, "manifest.json.tmp"), "{");
        using PackedDataset dataset = cache.Open(directory["data"], null, CancellationToken.None);
        dataset.Verify(null, CancellationToken.None);
    }

    [Fact]
    public async Task Open_SeveralAtOnce_PackOnce()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, new ImageShape(3, 4, 4), [.. Enumerable.Range(0, 40).Select(i => $"data/{i}.png")]);
        var progress = new CountingProgress();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        PackedDataset[] datasets = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => new DatasetCache(directory["cache"]).Open(directory["data"], progress, limit.Token))));
        Assert.Equal(1, progress.Reports);
        Assert.All(datasets, dataset => Assert.Equal(datasets[0].Digest, dataset.Digest));
        Array.ForEach(datasets, dataset => dataset.Dispose());
    }

    [Fact]
    public void Open_Missing_SaysWhatIsUnderstood()
    {
        using var directory = new TemporaryDirectory();
        DatasetException error = Assert.Throws<DatasetException>(() => new DatasetCache(directory.Path).Open(directory["nothing"], null, CancellationToken.None));
        Assert.Contains("cifar-10-python.tar.gz", error.Message);
    }

    private sealed class CountingProgress : IProgress<ImageProgress>
    {
        private int reports;

        public int Reports => reports;

        public void Report(ImageProgress value) => Interlocked.Increment(ref reports);
    }
}
