using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Tests.Distances;
using Diffusion.Evaluation.Tests.References;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Tests.Measuring;

public sealed class ImageMeasurementTests
{
    private static readonly FeatureReference Reference = FeatureReferenceTests.Reference();
    private static readonly ImageShape Shape = new(3, 16, 16);

    [Fact]
    public void Constructor_ThingsThatDoNotGoTogether_AreRefused()
    {
        using var right = new Recorded(Reference.Space!);
        using var otherFile = new Recorded(Reference.Space! with { Hash = new string('b', 64) });
        using var otherInput = new Recorded(Reference.Space! with { Input = "uint8" });
        using var wider = new Recorded(Reference.Space! with { Dimension = 6 });
        var bare = Reference with { Space = null, Shape = null };

        Assert.Contains("of 3x16x16, these are of 3x32x32", Refusal(right, shape: new ImageShape(3, 32, 32)));
        Assert.Contains("another feature network", Refusal(otherFile));
        Assert.Contains("another input convention", Refusal(otherInput));
        Assert.Contains("5 features, the network", Assert.Throws<ConfigurationException>(() => new ImageMeasurement(bare, wider, Shape, ["fd"])).Message);
        Assert.Contains("give --features FILE", Refusal(null, "kid"));
        Assert.Contains("Did you mean 'fd'", Refusal(right, "fid"));
        Assert.Contains("holds nothing for 'kid'", Assert.Throws<ConfigurationException>(() => new ImageMeasurement(bare with { Vectors = null }, right, Shape, ["kid"])).Message);
    }

    [Fact]
    public void Metrics_NoNetwork_AreThoseThatNeedNone()
    {
        using var measurement = new ImageMeasurement(Reference, null, Shape);

        Assert.Equal([MetricNames.SlicedWasserstein], measurement.Metrics);
    }

    [Fact]
    public void Measure_FewerImagesThanFeatures_WarnsOfTheRank()
    {
        using var network = new Recorded(Reference.Space!);
        using var measurement = new ImageMeasurement(Reference, network, Shape, ["fd"]);

        var few = measurement.Measure(Images(4))[0];
        var enough = measurement.Measure(Images(60))[0];

        Assert.Contains(few.Remarks, r => r.Contains("4 images are not more than the 5 features") && r.Contains("rank-deficient"));
        Assert.DoesNotContain(enough.Remarks, r => r.Contains("rank-deficient"));
        Assert.NotNull(enough.Extrapolated);
        Assert.Contains(enough.Remarks, r => r.Contains("n → ∞"));
    }

    [Fact]
    public void Measure_RangesByDifferentProcesses_HasTheSameBits()
    {
        using var network = new Recorded(Reference.Space!);
        using var measurement = new ImageMeasurement(Reference, network, Shape, ["fd", "kid"]);
        float[] all = Gaussian.Vectors(5, 200, 9);
        var whole = Part(all, 0, 200);
        var merged = ImageFeatures.Merge([Part(all, 150, 50), Part(all, 0, 64), Part(all, 64, 86)]);

        Assert.Equal(measurement.Measure(whole).Select(m => (m.Value, m.StandardError, m.Extrapolated)), measurement.Measure(merged).Select(m => (m.Value, m.StandardError, m.Extrapolated)));
    }

    [Fact]
    public void ToScore_KeepsWhatTheNumberDependsOn()
    {
        using var network = new Recorded(Reference.Space!);
        using var measurement = new ImageMeasurement(Reference, network, Shape, ["fd"]);
        var subject = new SampledNetwork { RunId = "r", ImagesSeen = 1024, RelativeStd = 0.1, Settings = SampledNetwork.Effective(ComponentConfig.Of("edm2-heun", ("steps", 8))) };

        var score = measurement.Measure(Images(60))[0].ToScore(subject, firstSeed: 7, DateTimeOffset.UnixEpoch);

        Assert.Equal((7, 60, "r", 1024, 0.1), (score.FirstSeed, score.Count, score.RunId, score.ImagesSeen, score.RelativeStd));
        Assert.Equal(Reference.HashFor("fd"), score.ReferenceHash);
        Assert.Equal(7.0, score.Settings.Options["rho"]!.GetValue<double>());
        Assert.Equal(score.ComparableKey, (score with { Settings = SampledNetwork.Effective(ComponentConfig.Of("edm2-heun", ("steps", 8), ("guidance", 1), ("rho", 7))) }).ComparableKey);
    }

    [Theory]
    [InlineData(0, 10, 4, "0+4 4+4 8+2")]
    [InlineData(3, 6, 4, "3+1 4+4 8+1")]
    [InlineData(8, 4, 4, "8+4")]
    public void Ranges_AnyStart_AreCutAtMultiples(long first, int count, int unit, string expected) =>
        Assert.Equal(expected, string.Join(' ', SeedRange.Cut(first, count, unit).Select(r => $"{r.First}+{r.Count}")));

    private static string Refusal(IFeatureNetwork? network, string metric = "fd", ImageShape? shape = null) =>
        Assert.Throws<ConfigurationException>(() => new ImageMeasurement(Reference, network, shape ?? Shape, [metric])).Message;

    private static ImageFeatures Images(int count) => Part(Gaussian.Vectors(5, count, 3), 0, count);

    private static ImageFeatures Part(float[] vectors, int first, int count) =>
        new(first, count, Shape, [new FeatureVectors(Reference.Space!, vectors.AsSpan(first * 5, count * 5).ToArray())]);

    /// <summary>Stands for a network whose vectors are given.</summary>
    private sealed class Recorded(FeatureSpace space) : IFeatureNetwork
    {
        public FeatureSpace Space => space;

        public float[] Extract(ReadOnlySpan<byte> pixels, ImageShape shape) => throw new InvalidOperationException("Its vectors are given.");

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
