using Diffusion.Evaluation.Distances;
using Diffusion.Evaluation.Golden;

namespace Diffusion.Evaluation.Tests.Distances;

public sealed class FrechetDistanceTests
{
    [Fact]
    public void GoldenCases_AllPass()
    {
        using var library = GoldenLibrary.Open(GoldenFiles.Root);
        using var golden = GoldenCase.TryOpen(GoldenFiles.Path("frechet.json"))!;

        var results = new GoldenRunner([new FrechetCheck()]).Run(golden, library);

        Assert.Equal(10, results.Count);
        Assert.All(results, r => Assert.True(r.Verdict == GoldenVerdict.Passed, r.ToString()));
    }

    [Fact]
    public void Checks_IncludeFrechet() => Assert.Contains(GoldenChecks.All, c => c.Kind == "frechet");

    [Fact]
    public void Between_Itself_IsZero()
    {
        var statistics = Random(16, 200, seed: 1, shift: 0);

        Assert.Equal(0, FrechetDistance.Between(statistics, statistics), 9);
    }

    [Fact]
    public void Between_ShiftedMeans_IsTheSquaredDistance()
    {
        // Same covariance: only ‖μ₁ − μ₂‖² is left.
        Assert.Equal(16 * 0.25, FrechetDistance.Between(Random(16, 200, seed: 1, shift: 0), Random(16, 200, seed: 1, shift: 0.5f)), 5);
    }

    [Fact]
    public void Between_DiagonalCovariances_AgreesWithTheClosedForm()
    {
        // Commuting covariances: Σ (√λ₁ − √λ₂)².
        var a = new FeatureDistribution([0, 0, 0], new double[,] { { 4, 0, 0 }, { 0, 1, 0 }, { 0, 0, 0 } });
        var b = new FeatureDistribution([1, 0, 0], new double[,] { { 9, 0, 0 }, { 0, 1, 0 }, { 0, 0, 16 } });

        Assert.Equal(1 + 1 + 0 + 16, FrechetDistance.Between(a, b), 10);
    }

    [Fact]
    public void Between_OtherDimension_IsRefused() =>
        Assert.Contains("3", Assert.Throws<ArgumentException>(() => FrechetDistance.Between(Random(2, 5, 1, 0), Random(3, 5, 1, 0))).Message);

    [Fact]
    public void Merge_TwoParts_EqualsAllAtOnce()
    {
        float[] features = Features(8, 100, seed: 3, shift: 0);
        var whole = new FeatureStatistics(8);
        whole.Add(features);
        var parts = new FeatureStatistics(8);
        parts.Add(features.AsSpan(0, 8 * 30));
        var rest = new FeatureStatistics(8);
        rest.Add(features.AsSpan(8 * 30));
        parts.Merge(rest);

        Assert.Equal(100, parts.Count);
        Assert.Equal(whole.Distribution().Mean, parts.Distribution().Mean, (x, y) => Math.Abs(x - y) < 1e-12);
        Assert.Equal(whole.Distribution().Covariance.Cast<double>(), parts.Distribution().Covariance.Cast<double>(), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void Distribution_OneVector_IsRefused()
    {
        var statistics = new FeatureStatistics(2);
        statistics.Add([1f, 2f]);

        Assert.Contains("at least 2", Assert.Throws<InvalidOperationException>(statistics.Distribution).Message);
    }

    [Fact]
    public void Add_ValueNotFinite_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new FeatureStatistics(2).Add([1f, float.NaN]));

    private static FeatureDistribution Random(int dimension, int count, int seed, float shift)
    {
        var statistics = new FeatureStatistics(dimension);
        statistics.Add(Features(dimension, count, seed, shift));
        return statistics.Distribution();
    }

    private static float[] Features(int dimension, int count, int seed, float shift)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, dimension * count).Select(_ => (random.NextSingle() * 2) - 1 + shift)];
    }
}
