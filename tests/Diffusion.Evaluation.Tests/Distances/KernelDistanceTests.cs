using Diffusion.Evaluation.Distances;
using Diffusion.Evaluation.Golden;

namespace Diffusion.Evaluation.Tests.Distances;

public sealed class KernelDistanceTests
{
    [Fact]
    public void GoldenRows_AllPass()
    {
        using var library = GoldenLibrary.Open(GoldenFiles.Root);
        using var golden = GoldenCase.TryOpen(GoldenFiles.Path("kid_fid.json"))!;

        var results = new GoldenRunner([new KernelCheck()]).Run(golden, library);

        Assert.Equal(10, results.Count);
        Assert.All(results, r => Assert.True(r.Verdict == GoldenVerdict.Passed, r.ToString()));
    }

    [Fact]
    public void Between_SameDistribution_IsZeroWithinItsError()
    {
        var results = Enumerable.Range(0, 20).Select(seed => KernelDistance.Between(Gaussian.Vectors(8, 300, (2 * seed) + 1), Gaussian.Vectors(8, 300, (2 * seed) + 2), 8)).ToArray();

        // Twenty independent estimates: their mean, in units of the error that they claim.
        double mean = results.Average(r => r.Value);
        Assert.InRange(mean / (results.Average(r => r.StandardError) / Math.Sqrt(20)), -3.5, 3.5);
    }

    [Fact]
    public void Between_ShiftedDistributions_ClaimsTheErrorThatRepetitionsShow()
    {
        var results = Enumerable.Range(0, 30).Select(seed => KernelDistance.Between(Gaussian.Vectors(4, 200, (2 * seed) + 1, shift: 0.5), Gaussian.Vectors(4, 200, (2 * seed) + 2), 4)).ToArray();
        double mean = results.Average(r => r.Value);
        double scatter = Math.Sqrt(results.Sum(r => (r.Value - mean) * (r.Value - mean)) / 29);

        Assert.InRange(results.Average(r => r.StandardError) / scatter, 0.7, 1.4);
    }

    [Fact]
    public void Between_OneVector_IsRefused() =>
        Assert.Contains("fewer than 2", Assert.Throws<ArgumentException>(() => KernelDistance.Between([1f, 2f], [1f, 2f, 3f, 4f], 2)).Message);
}

/// <summary>Independent standard normal numbers.</summary>
internal static class Gaussian
{
    public static float[] Vectors(int dimension, int count, int seed, double shift = 0, double scale = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, dimension * count).Select(_ => (float)(shift + (scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))))];
    }
}
