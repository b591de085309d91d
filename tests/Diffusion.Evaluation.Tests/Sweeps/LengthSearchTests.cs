using Diffusion.Evaluation.Sweeps;

namespace Diffusion.Evaluation.Tests.Sweeps;

public sealed class LengthSearchTests
{
    private const int Trials = 16;

    public static TheoryData<string, double, double> Curves => new()
    {
        // Kind, noise as a share of the curve's bend over a factor of e, largest error in log length that nine of ten searches stay below.
        { "parabola", 0, 0.03 },
        { "parabola", 0.02, 0.08 },
        { "parabola", 0.1, 0.3 },
        { "steep at short lengths", 0, 0.08 },
        { "steep at long lengths", 0, 0.08 },
        { "steep at long lengths", 0.03, 0.25 },
    };

    [Theory]
    [MemberData(nameof(Curves))]
    public void Search_CurveWithNoise_FindsTheMinimumInEightEvaluations(string kind, double noise, double largest)
    {
        var errors = new List<double>();
        int covered = 0;
        for (int seed = 0; seed < Trials; seed++)
        {
            var random = new Random(seed);
            double best = Math.Exp(Math.Log(0.025) + (random.NextDouble() * Math.Log(6)));
            var shape = Shape(kind, random);
            var search = Run(new LengthSearchOptions(), (length, _) => shape(Math.Log(length / best)) + (noise * Normal(random)));

            var estimate = search.Estimate()!;
            Assert.InRange(search.Evaluations, 4, 8);
            errors.Add(Math.Abs(Math.Log(estimate.RelativeStd / best)));
            covered += best >= estimate.Low - 0.001 && best <= estimate.High + 0.001 ? 1 : 0;
        }

        Assert.True(errors.Order().ElementAt(Trials * 9 / 10) <= largest, $"errors of seeds 0 to {Trials - 1} in log length: {string.Join(", ", errors.Order().Select(e => e.ToString("0.000")))}");
        Assert.True(covered >= Trials * 8 / 10, $"only {covered} of {Trials} intervals hold the minimum");
    }

    [Fact]
    public void Search_ParabolaWithoutNoise_StopsEarly() => Assert.InRange(Run(new LengthSearchOptions(), (l, _) => 3 + Math.Pow(Math.Log(l / 0.07), 2)).Evaluations, 4, 6);

    [Theory]
    [InlineData(0.004, LengthVerdict.AtShortEnd)]
    [InlineData(0.9, LengthVerdict.AtLongEnd)]
    public void Search_MinimumBeyondTheRange_SaysAtWhichEnd(double best, LengthVerdict expected)
    {
        var search = Run(new LengthSearchOptions(), (l, _) => 1 + (0.1 * Math.Pow(Math.Log(l / best), 2)));

        var estimate = search.Estimate()!;
        Assert.Equal(expected, estimate.Verdict);
        Assert.InRange(search.Evaluations, 4, 8);
        Assert.Equal(expected == LengthVerdict.AtShortEnd ? 0.015 : 0.25, estimate.RelativeStd, 3);
    }

    [Fact]
    public void Search_SameValueEverywhere_IsFlatAfterFour()
    {
        var search = Run(new LengthSearchOptions(), (_, _) => 2.5);

        Assert.Equal(4, search.Evaluations);
        Assert.Equal((LengthVerdict.Flat, 2.5), (search.Estimate()!.Verdict, search.Estimate()!.Value));
    }

    [Fact]
    public void Search_NothingButNoise_ClaimsNoNarrowInterval()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var search = Run(new LengthSearchOptions(), (_, _) => 1 + (0.01 * Normal(random)));
            Assert.True(search.Estimate()!.LogWidth > 0.5, $"seed {seed}: {search.Estimate()}");
        }
    }

    [Fact]
    public void Search_NoiseAsLargeAsTheCurve_AsksForOtherSeeds()
    {
        int repeated = 0;
        for (int seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var search = Run(new LengthSearchOptions(), (l, _) => Math.Pow(Math.Log(l / 0.07), 2) + (0.4 * Normal(random)));
            repeated += search.Measurements.Any(m => m.Repetition > 0) ? 1 : 0;

            var still = new Random(seed);
            Assert.All(Run(new LengthSearchOptions { MayRepeat = false }, (l, _) => Math.Pow(Math.Log(l / 0.07), 2) + (0.4 * Normal(still))).Measurements, m => Assert.Equal(0, m.Repetition));
        }

        Assert.True(repeated >= 5, $"{repeated} of 10 searches repeated");
        Assert.All(Run(new LengthSearchOptions(), (l, _) => Math.Pow(Math.Log(l / 0.07), 2)).Measurements, m => Assert.Equal(0, m.Repetition));
    }

    [Fact]
    public void Search_MuchIsKnown_AsksForLittle()
    {
        static double Value(double l) => Math.Pow(Math.Log(l / 0.07), 2);
        var known = new[] { 0.015, 0.03, 0.05, 0.07, 0.1, 0.16, 0.25 }.Select(l => new LengthMeasurement(l, 0, Value(l)));
        var search = new LengthSearch(new LengthSearchOptions(), known);

        Assert.Empty(search.Next());
        Assert.Equal(0.07, search.Estimate()!.RelativeStd, 2);
    }

    [Fact]
    public void Search_LengthsAskedFor_AreMultiplesOfTheStepAndNew()
    {
        var search = Run(new LengthSearchOptions { Low = 0.012, High = 0.016, Tolerance = 1e-6, MayRepeat = false }, (l, _) => Math.Pow(Math.Log(l / 0.0137), 2));

        Assert.All(search.Measurements, m => Assert.Equal(Math.Round(m.RelativeStd, 3), m.RelativeStd, 12));
        Assert.Equal(search.Measurements.Count, search.Measurements.Select(m => m.RelativeStd).Distinct().Count());
    }

    [Theory]
    [InlineData(0.1, 0.1)]
    [InlineData(0, 0.1)]
    [InlineData(0.2, 0.1)]
    public void Search_NoRange_IsRefused(double low, double high) => Assert.Throws<ArgumentException>(() => new LengthSearch(new LengthSearchOptions { Low = low, High = high }));

    [Fact]
    public void Estimate_Parabola_IsTheOneThatWasMeasured()
    {
        var search = Run(new LengthSearchOptions(), (l, _) => 2 + (0.3 * Math.Pow(Math.Log(l / 0.06), 2)));

        var estimate = search.Estimate()!;
        Assert.InRange(estimate.Value, 1.99, 2.01);
        Assert.InRange(estimate.Curvature, 0.5, 0.7);
        Assert.Equal(2.3, estimate.ParabolaAt(0.06 * Math.E), 1);
    }

    [Fact]
    public void Estimate_SeedsOfDifferentOffset_AreComparedWithinEachSet()
    {
        double[] lengths = [0.02, 0.04, 0.06, 0.08, 0.12, 0.2];
        static double Value(double l) => Math.Pow(Math.Log(l / 0.07), 2);
        var both = lengths.Select(l => new LengthMeasurement(l, 0, Value(l))).Concat(lengths.Skip(3).Select(l => new LengthMeasurement(l, 1, Value(l) + 5))).ToArray();

        Assert.Equal(0.07, new LengthSearch(new LengthSearchOptions(), both).Estimate()!.RelativeStd, 2);
    }

    private static LengthSearch Run(LengthSearchOptions options, Func<double, int, double> measure)
    {
        var search = new LengthSearch(options);
        for (var next = search.Next(); next.Count > 0; next = search.Next())
        {
            foreach (var probe in next)
            {
                search.Add(new LengthMeasurement(probe.RelativeStd, probe.Repetition, measure(probe.RelativeStd, probe.Repetition)));
            }
        }

        return search;
    }

    // Bend 1 at the minimum at 0, where the skewed ones are sums of two powers of the length.
    private static Func<double, double> Shape(string kind, Random random)
    {
        double p = 0.5 + random.NextDouble();
        double q = kind == "steep at long lengths" ? 1 + (2 * random.NextDouble()) : 0.3 + (0.7 * random.NextDouble());
        return kind == "parabola" ? x => x * x : x => ((Math.Exp(-p * x) / p) + (Math.Exp(q * x) / q)) / (p + q) * 2;
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
