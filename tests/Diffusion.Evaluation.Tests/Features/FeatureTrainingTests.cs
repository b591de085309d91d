using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Measuring;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Tests.Features;

public sealed class FeatureTrainingTests : IDisposable
{
    private static readonly FeatureTrainingOptions Brief = new() { Epochs = 6, Width = 16, BatchSize = 32 };

    private readonly TemporaryFolder folder = new();
    private readonly PackedDataset dataset;

    public FeatureTrainingTests()
    {
        ShapesDataset.Write(folder.In("shapes"), new ShapesOptions { Count = 1000 }, null, CancellationToken.None);
        dataset = Packed("shapes");
    }

    public void Dispose()
    {
        dataset.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Run_ThousandShapes_TellsMostHeldOutOnesApartTheSameWayEveryTime()
    {
        var result = Train("a.safetensors", Brief);

        // Guessing reaches one in ten.
        Assert.True(result.Accuracy > 0.6, $"{result.Accuracy} of {result.HeldOutImages}");
        Assert.Equal(0.1, result.Chance, 2);
        Assert.Equal(result.Space.Hash, Train("b.safetensors", Brief).Space.Hash);
        Assert.Equal(File.ReadAllBytes(folder.In("a.safetensors")), File.ReadAllBytes(folder.In("b.safetensors")));

        // A feature space is of use if it tells other images from these: noise must be much farther away than the images that were held out.
        using var network = FeatureNetworks.Open(folder.In("a.safetensors"), dataset.Shape);
        var reference = ReferenceBuilder.Build(Images(Selection.ForTraining), network, "shapes", 64);
        using var measurement = new ImageMeasurement(reference, network, dataset.Shape);
        var good = measurement.Measure(measurement.Extract(0, Pixels(Images(Selection.ForEvaluation))));
        byte[] noise = new byte[100 * dataset.Shape.Elements];
        new Random(1).NextBytes(noise);
        var bad = measurement.Measure(measurement.Extract(0, noise));
        Assert.Equal(["fd", "kid", "swd"], good.Select(m => m.Metric));
        Assert.All(good.Zip(bad), p => Assert.True(p.Second.Value > 3 * Math.Max(p.First.Value, 2 * p.First.StandardError!.Value), $"{p.First.Metric}: {p.First.Value} ± {p.First.StandardError} against {p.Second.Value}"));
    }

    [Fact]
    public void Constructor_UnlabelledImages_AreRefusedWithARemedy()
    {
        string plain = folder.In("plain");
        Directory.CreateDirectory(plain);
        foreach (string file in Directory.EnumerateFiles(folder.In("shapes"), "*.png", SearchOption.AllDirectories).Take(20))
        {
            File.Copy(file, Path.Combine(plain, Path.GetFileName(file)));
        }

        using var unlabelled = Packed("plain");
        var whole = ImageSet.Whole(unlabelled);

        Assert.Contains("one folder per class", Assert.Throws<DatasetException>(() => new FeatureTraining(whole, whole, Brief)).Message);
    }

    [Fact]
    public void Run_Cancelled_WritesNothing()
    {
        var training = new FeatureTraining(Images(Selection.ForTraining), Images(Selection.ForEvaluation), Brief);

        Assert.Throws<OperationCanceledException>(() => training.Run(folder.In("c.safetensors"), cancellationToken: new CancellationToken(true)));
        Assert.False(File.Exists(folder.In("c.safetensors")));
    }

    [Fact]
    public void Open_OtherImagesOrDamagedFile_IsRefused()
    {
        Train("d.safetensors", Brief with { Epochs = 1, Width = 8 });
        string path = folder.In("d.safetensors");

        Assert.Contains("3x16x16", Assert.Throws<ConfigurationException>(() => FeatureNetworks.Open(path, new ImageShape(3, 32, 32))).Message);
        Assert.Contains("'signed'", Assert.Throws<ConfigurationException>(() => FeatureNetworks.Open(path, dataset.Shape, FeatureInput.Pixels)).Message);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
        Assert.Throws<DamagedFileException>(() => FeatureNetworks.Open(path, dataset.Shape));
    }

    private static ImageSetOptions Options => new() { HeldOut = 200 };

    private FeatureTrainingResult Train(string file, FeatureTrainingOptions options) =>
        new FeatureTraining(Images(Selection.ForTraining), Images(Selection.ForEvaluation), options).Run(folder.In(file));

    private ImageSet Images(Selection selection) => selection == Selection.ForTraining ? ImageSet.ForTraining(dataset, Options) : ImageSet.ForEvaluation(dataset, Options);

    private PackedDataset Packed(string name) => new DatasetCache(folder.In("packed")).Open(folder.In(name), null, CancellationToken.None);

    private static byte[] Pixels(ImageSet images) => ReferenceBuilder.PixelsOf(images, 0, images.Count);

    private enum Selection
    {
        ForTraining,
        ForEvaluation,
    }
}
