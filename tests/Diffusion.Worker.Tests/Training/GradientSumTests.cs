using Diffusion.Contracts.Configuration;
using Diffusion.Native.Collectives;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Tests.Training;

/// <summary>What fast mode keeps and what it gives up.</summary>
public sealed class GradientSumTests : IDisposable
{
    private readonly TinyRun run = new();

    public GradientSumTests() => run.Config = run.Config with { Training = run.Config.Training with { GradientSum = GradientSum.Fast } };

    [Fact]
    public void Fast_SamePlanTwice_SameBits() => Assert.Equal(Train(3, 1).Digest, Train(3, 1).Digest);

    [Fact]
    public void Fast_TwoRanksOrOne_DifferByRoundingAlone()
    {
        var one = Train(4);
        var two = Train(2, 2);
        Assert.NotEqual(one.Digest, two.Digest);

        // Six steps of Adam enlarge the last bits of a gradient; another order of additions is no more than that.
        Assert.Equal(one.Losses.Length, two.Losses.Length);
        Assert.All(one.Losses.Zip(two.Losses), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= 1e-4 * Math.Abs(pair.First), $"{pair.First:R} and {pair.Second:R}"));
    }

    [Fact]
    public void Fast_Config_HasAnotherDigestAndExactItsFormerOne()
    {
        var exact = run.Config with { Training = run.Config.Training with { GradientSum = GradientSum.Exact } };

        Assert.NotEqual(exact.Digest(), run.Config.Digest());
        Assert.DoesNotContain("gradientSum", StrictJson.Write(exact), StringComparison.Ordinal);
        Assert.Equal(GradientSum.Fast, StrictJson.Parse<RunConfig>(StrictJson.Write(run.Config), "test").Training.GradientSum);
    }

    public void Dispose() => run.Dispose();

    private (string Digest, double[] Losses) Train(params int[] shares)
    {
        var observer = new RecordingObserver();
        var trainers = shares.Select(_ => run.Trainer(observer)).ToList();
        try
        {
            var results = TinyRun.Generation(trainers, new ShardPlan(4, shares));
            Assert.All(results, r => Assert.True(r.End == GenerationEnd.Finished, r.Reason));
            string digest = Assert.Single(TinyRun.OnThreads(shares.Length, rank => trainers[rank].StateDigest()).Distinct());
            return (digest, [.. observer.Steps.DistinctBy(s => s.CompletedStep).OrderBy(s => s.CompletedStep).Select(s => s.Loss)]);
        }
        finally
        {
            trainers.ForEach(t => t.Dispose());
        }
    }
}
