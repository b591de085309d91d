using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Snapshots.Tests.Reconstruction;

public sealed class PostHocSolverTests
{
    [Fact]
    public void Solve_GoldenCases_Match()
    {
        foreach (var item in GoldenFiles.Json("phema.json").GetProperty("solve").EnumerateArray())
        {
            var inputs = item.GetProperty("in_ofs").EnumerateArray().Zip(item.GetProperty("in_std").EnumerateArray(),
                (time, std) => new ProfileAt(time.GetInt64(), std.GetDouble())).ToList();
            var outTimes = item.GetProperty("out_ofs");
            var outputs = item.GetProperty("out_std").EnumerateArray().Select((std, j) => new ProfileAt(
                outTimes.ValueKind == System.Text.Json.JsonValueKind.Array ? outTimes[j].GetInt64() : outTimes.GetInt64(), std.GetDouble())).ToList();
            var solved = PostHocSolver.Solve(inputs, outputs);
            string title = item.GetProperty("title").GetString()!;
            for (int i = 0; i < inputs.Count; i++)
            {
                for (int j = 0; j < outputs.Count; j++)
                {
                    double expected = item.GetProperty("coefs")[i][j].GetDouble();
                    Assert.True(Math.Abs(expected - solved[j].Coefficients[i]) <= 1e-7, $"{title}: coefficient [{i}][{j}] is {solved[j].Coefficients[i]:R}, expected {expected:R}");
                }
            }

            Assert.All(solved, solution => Assert.Equal(1, solution.Coefficients.Sum(), 1e-9));
        }
    }

    [Fact]
    public void Solve_TargetIsAnInput_TakesItAloneAndExpectsNoError()
    {
        var solution = PostHocSolver.Solve([new(1024, 0.05), new(1024, 0.1), new(2048, 0.05), new(2048, 0.1)], [new(2048, 0.1)])[0];
        Assert.All(new double[] { 0, 0, 0, 1 }.Zip(solution.Coefficients), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
        Assert.Equal(0, solution.ExpectedError, 1e-6);
        Assert.Equal(1, solution.NoiseGain, 1e-9);
    }

    [Fact]
    public void ExpectedError_NumericProfiles_IsTheirDistance()
    {
        var inputs = Enumerable.Range(1, 4).SelectMany(i => new[] { new ProfileAt(i * 1000, 0.05), new ProfileAt(i * 1000, 0.1) }).ToList();
        foreach (double length in new[] { 0.02, 0.07, 0.15 })
        {
            var target = new ProfileAt(4000, length);
            var solution = PostHocSolver.Solve(inputs, [target])[0];
            const int Steps = 400_000;
            double distance = 0;
            double norm = 0;
            for (int s = 0; s < Steps; s++)
            {
                double t = (s + 0.5) / Steps * 4000;
                double asked = Density(target, t);
                double difference = asked;
                for (int i = 0; i < inputs.Count; i++)
                {
                    difference -= solution.Coefficients[i] * Density(inputs[i], t);
                }

                distance += difference * difference;
                norm += asked * asked;
            }

            Assert.Equal(Math.Sqrt(distance / norm), solution.ExpectedError, 1e-4);
        }
    }

    [Fact]
    public void Solve_SameInputTwice_IsRefused()
        => Assert.Contains("singular", Assert.Throws<ReconstructionRefusedException>(() => PostHocSolver.Solve([new(1024, 0.05), new(1024, 0.05)], [new(1024, 0.1)])).Message, StringComparison.Ordinal);

    [Fact]
    public void Solve_NoInputs_IsRefused()
        => Assert.Throws<ReconstructionRefusedException>(() => PostHocSolver.Solve([], [new(1024, 0.1)]));

    [Fact]
    public void Solve_RandomWalkTracked_GivesTheAverageThatWasNotTracked()
    {
        const int Seed = 5;
        const int Steps = 4096;
        var random = new Random(Seed);
        double[] lengths = [0.05, 0.1, 0.07];
        var averages = new double[3];
        var stored = new List<(ProfileAt Profile, double Value)>();
        double weight = 0;
        for (int step = 1; step <= Steps; step++)
        {
            weight += random.NextDouble() - 0.5;
            for (int i = 0; i < 3; i++)
            {
                double beta = new PowerFunctionProfile(lengths[i]).Beta(step * 64L, 64);
                averages[i] = beta * averages[i] + (1 - beta) * weight;
            }

            if (step % (Steps / 16) == 0)
            {
                stored.AddRange(Enumerable.Range(0, 2).Select(i => (new ProfileAt(step * 64L, lengths[i]), averages[i])));
            }
        }

        var solution = PostHocSolver.Solve([.. stored.Select(item => item.Profile)], [new ProfileAt(Steps * 64L, 0.07)])[0];
        double reconstructed = solution.Coefficients.Zip(stored, (x, item) => x * item.Value).Sum();
        Assert.True(Math.Abs(reconstructed - averages[2]) < 0.02 * Math.Abs(averages[0] - averages[1]),
            $"seed {Seed}: reconstructed {reconstructed}, tracked {averages[2]}, neighbours {averages[0]} and {averages[1]}, expected error {solution.ExpectedError}");
    }

    private static double Density(ProfileAt profile, double t)
    {
        double exponent = new PowerFunctionProfile(profile.RelativeStd).Exponent;
        return t > profile.ImagesSeen ? 0 : (exponent + 1) * Math.Pow(t / profile.ImagesSeen, exponent) / profile.ImagesSeen;
    }
}
