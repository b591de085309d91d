using Diffusion.Evaluation.Distances;

namespace Diffusion.Evaluation.Tests.Distances;

public sealed class FrechetEstimateTests
{
    private const int Dimension = 12;

    // Against N(0, I), samples of N(0.25, 1.2² I): the distance is D·(0.25² + (1.2 − 1)²) exactly.
    private const double Truth = Dimension * ((0.25 * 0.25) + (0.2 * 0.2));

    private static readonly FeatureDistribution Standard = new(new double[Dimension], Identity());

    [Fact]
    public void Estimate_GaussianOfKnownDistance_ExtrapolatesTheBiasAway()
    {
        var estimator = new FrechetEstimator(Standard);
        var estimates = Enumerable.Range(1, 12).Select(seed => estimator.Estimate(Gaussian.Vectors(Dimension, 400, seed, 0.25, 1.2), Dimension)).ToArray();
        double plain = estimates.Average(e => e.Value) - Truth;
        double extrapolated = estimates.Average(e => e.Extrapolated!.Value) - Truth;
        double error = estimates.Average(e => e.StandardError!.Value) / Math.Sqrt(estimates.Length);

        // The plain value is too large by many errors; the extrapolated one is not.
        Assert.True(plain > 4 * error, $"bias {plain}, error {error}");
        Assert.True(Math.Abs(extrapolated) < 3 * error, $"bias {extrapolated} after extrapolation, {plain} before, error {error}");
    }

    [Fact]
    public void Estimate_Repetitions_ScatterAsTheErrorSays()
    {
        var estimator = new FrechetEstimator(Standard);
        var estimates = Enumerable.Range(100, 30).Select(seed => estimator.Estimate(Gaussian.Vectors(Dimension, 400, seed, 0.25, 1.2), Dimension)).ToArray();
        double mean = estimates.Average(e => e.Value);
        double scatter = Math.Sqrt(estimates.Sum(e => (e.Value - mean) * (e.Value - mean)) / (estimates.Length - 1));

        Assert.InRange(estimates.Average(e => e.StandardError!.Value) / scatter, 0.6, 1.6);
    }

    [Fact]
    public void Estimate_TooFewForTheDimension_DoesNotExtrapolate()
    {
        var estimate = new FrechetEstimator(Standard).Estimate(Gaussian.Vectors(Dimension, 40, 1), Dimension);

        Assert.Null(estimate.Extrapolated);
        Assert.NotNull(estimate.StandardError);
    }

    [Fact]
    public void Estimate_AFewImages_HasNoError()
    {
        var estimate = new FrechetEstimator(Standard).Estimate(Gaussian.Vectors(Dimension, 9, 1), Dimension);

        Assert.Null(estimate.StandardError);
        Assert.True(double.IsFinite(estimate.Value));
    }

    [Fact]
    public void Add_InOtherPortions_HasTheSameBits()
    {
        float[] vectors = Gaussian.Vectors(Dimension, 700, 5);
        var whole = new FeatureStatistics(Dimension);
        whole.Add(vectors);
        var portions = new FeatureStatistics(Dimension);
        foreach (var portion in vectors.Chunk(Dimension * 33))
        {
            portions.Add(portion);
        }

        Assert.Equal(whole.Distribution().Mean, portions.Distribution().Mean);
        Assert.Equal(whole.Distribution().Covariance.Cast<double>(), portions.Distribution().Covariance.Cast<double>());
    }

    private static double[,] Identity()
    {
        var identity = new double[Dimension, Dimension];
        for (int i = 0; i < Dimension; i++)
        {
            identity[i, i] = 1;
        }

        return identity;
    }
}
