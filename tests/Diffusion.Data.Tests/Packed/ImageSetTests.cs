using System.Text.Json;

namespace Diffusion.Data.Tests.Packed;

public sealed class ImageSetTests
{
    [Fact]
    public void ForTraining_GoldenOptions_SelectAndMirrorLikeReference()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = new DatasetCache(directory.Path).Open(Golden.PathOf("dataset_small/dhariwal.zip"), null, CancellationToken.None);
        JsonElement expected = Golden.Json("dataset_small/expected.json").GetProperty("options");
        ImageSet images = ImageSet.ForTraining(dataset, new ImageSetOptions
        {
            UseLabels = expected.GetProperty("use_labels").GetBoolean(),
            MirrorX = expected.GetProperty("xflip").GetBoolean(),
            MaxSize = expected.GetProperty("max_size").GetInt32(),
            RandomSeed = expected.GetProperty("random_seed").GetInt64(),
        });

        Assert.Equal(expected.GetProperty("count").GetInt32(), images.Count);
        Assert.Equal(0, images.LabelDim);
        var details = expected.GetProperty("details").EnumerateArray().Select(row => (row.GetProperty("raw_idx").GetInt32(), row.GetProperty("xflip").GetBoolean()));
        Assert.Equal(details, Enumerable.Range(0, images.Count).Select(i => (images.RawIndexOf(i), images.IsMirrored(i))));

        byte[] straight = new byte[images.Shape.Elements];
        byte[] mirrored = new byte[images.Shape.Elements];
        images.CopyImage(1, straight);
        images.CopyImage(5, mirrored);
        Assert.Equal(straight.Chunk(16).SelectMany(row => row.Reverse()), mirrored);
    }

    [Fact]
    public void HeldOut_AnyOptions_IsDisjointFromTraining()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 60, new ImageShape(1, 4, 4), i => i % 3);
        var options = new ImageSetOptions { HeldOut = 9, RandomSeed = 4 };
        ImageSet training = ImageSet.ForTraining(dataset, options);
        ImageSet evaluation = ImageSet.ForEvaluation(dataset, options);
        int[] all = [.. Raw(training), .. Raw(evaluation)];
        Assert.Equal(Enumerable.Range(0, 60), all.Order());
        Assert.Equal(9, evaluation.Count);
        Assert.All(Raw(evaluation).GroupBy(i => i % 3), group => Assert.Equal(3, group.Count()));
    }

    [Fact]
    public void ForEvaluation_NothingHeldOut_SaysSo()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 6, new ImageShape(1, 4, 4));
        Assert.Contains("held", Assert.Throws<DatasetException>(() => ImageSet.ForEvaluation(dataset, new ImageSetOptions())).Message);
    }

    [Fact]
    public void ForTraining_MirroredLatents_AreRefused()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = new DatasetCache(directory.Path).Open(Golden.PathOf("dataset_small/latents.zip"), null, CancellationToken.None);
        Assert.Throws<DatasetException>(() => ImageSet.ForTraining(dataset, new ImageSetOptions { MirrorX = true }));
    }

    private static IEnumerable<int> Raw(ImageSet images) => Enumerable.Range(0, images.Count).Select(images.RawIndexOf);
}
