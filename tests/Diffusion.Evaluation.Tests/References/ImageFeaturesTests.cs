using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Tests.Distances;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Tests.References;

public sealed class ImageFeaturesTests
{
    private static readonly FeatureSpace Space = new("net", new string('a', 64), "unit", 3);

    [Fact]
    public void Merge_AnyOrderOfParts_IsTheSameAsOnePart()
    {
        float[] vectors = Gaussian.Vectors(3, 30, 1);
        var merged = ImageFeatures.Merge([Part(vectors, 20, 10), Part(vectors, 0, 7), Part(vectors, 7, 13)]);

        Assert.Equal((0, 30), (merged.FirstSeed, merged.Count));
        Assert.Equal(vectors, merged.Spaces[0].Values);
    }

    [Fact]
    public void Merge_GapOverlapOrOtherSpace_IsRefused()
    {
        float[] vectors = Gaussian.Vectors(3, 30, 1);
        var first = Part(vectors, 0, 10);

        Assert.Contains("followed by 11", Assert.Throws<ArgumentException>(() => ImageFeatures.Merge([first, Part(vectors, 11, 5)])).Message);
        Assert.Contains("followed by 9", Assert.Throws<ArgumentException>(() => ImageFeatures.Merge([first, Part(vectors, 9, 5)])).Message);
        var other = Part(vectors, 10, 5) with { Spaces = [new FeatureVectors(Space with { Input = "uint8" }, new float[15])] };
        Assert.Contains("same feature networks", Assert.Throws<ArgumentException>(() => ImageFeatures.Merge([first, other])).Message);
    }

    [Fact]
    public void Save_Load_KeepsAllAndChecksTheSubject()
    {
        using var folder = new TemporaryFolder();
        var part = Part(Gaussian.Vectors(3, 30, 1), 5, 10);
        part.Save(folder.In("a"), "weights and sampler");

        var loaded = ImageFeatures.Load(folder.In("a"), "weights and sampler");

        Assert.Equal((part.FirstSeed, part.Count, part.Shape), (loaded.FirstSeed, loaded.Count, loaded.Shape));
        Assert.Equal(Space, loaded.Spaces[0].Space);
        Assert.Equal(part.Spaces[0].Values, loaded.Spaces[0].Values);
        Assert.Throws<DamagedFileException>(() => ImageFeatures.Load(folder.In("a"), "other weights"));
        Flip(folder.In("a"));
        Assert.Throws<DamagedFileException>(() => ImageFeatures.Load(folder.In("a"), "weights and sampler"));
    }

    private static void Flip(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private static ImageFeatures Part(float[] vectors, int first, int count) =>
        new(first, count, new ImageShape(3, 8, 8), [new FeatureVectors(Space, vectors.AsSpan(first * 3, Math.Min(count, 30 - first) * 3).ToArray())]);
}
