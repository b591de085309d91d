using Diffusion.Native.Collectives;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Tests.Training;

/// <summary>A loss scale that is found by trial: scripted, on two ranks, and over an end and a beginning.</summary>
public sealed class LossScaleTests : IDisposable
{
    // So far above what float32 holds that the first steps overflow, one halving after another.
    private static readonly double TooMuch = Math.Pow(2, 125);
    private readonly TinyRun run = new(steps: 12);

    [Fact]
    public void After_ScriptedOverflows_HalvesAtOnceAndDoublesAfterLong()
    {
        var scale = new LossScale(8, 0);
        double[] seen = [.. "xxoooooxoooo".Select(step => (scale = scale.After(step == 'o', growthSteps: 3)).Value)];

        Assert.Equal([4, 2, 2, 2, 4, 4, 4, 2, 2, 2, 4, 4], seen);
    }

    [Fact]
    public void After_OverflowsWithoutEnd_StaysAtOneAndGrowthAtItsMost()
    {
        Assert.Equal(LossScale.Least, Enumerable.Range(0, 80).Aggregate(new LossScale(65536, 0), (scale, _) => scale.After(finite: false)).Value);
        Assert.Equal(1 << 24, Enumerable.Range(0, 200).Aggregate(new LossScale(1 << 20, 0), (scale, _) => scale.After(finite: true, growthSteps: 2)).Value);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(0.5)]
    [InlineData(1.7014118346046923e38)]
    public void Problems_ScaleThatCannotBeTakenOutExactly_IsNamed(double scale)
    {
        Scaled(scale);

        Assert.Contains("must be a power of two from 1 to 2^126", Assert.Single(run.Config.Problems()), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ScaleThatOverflows_IsHalvedAlikeOnOneRankAndTwo()
    {
        Scaled(TooMuch);
        var alone = Train(4);
        var both = Train(2, 2);

        Assert.Equal(alone, both);
        Assert.InRange(alone.Skipped, 1, 11);
    }

    [Fact]
    public void Run_ResumedFromACheckpoint_GoesOnWithTheScale()
    {
        Scaled(TooMuch);
        string whole = Train(4).Digest;
        RankTrainer? first = null;
        using (first = run.Trainer(new RecordingObserver { OnStep = Pause }, run.RunDirectory))
        {
            Assert.Equal(GenerationEnd.Paused, TinyRun.Generation([first], new ShardPlan(4, [4]), writes: true)[0].End);
        }

        using var second = run.Trainer(runDirectory: run.RunDirectory);
        var finished = TinyRun.Generation([second], new ShardPlan(4, [4]), number: 2, writes: true)[0];
        Assert.True(finished.End == GenerationEnd.Finished, finished.Reason);
        Assert.Equal(whole, TinyRun.OnThreads(1, _ => second.StateDigest())[0]);

        void Pause(StepReport report)
        {
            if (report.CompletedStep == 1)
            {
                first!.RequestPause(save: true);
            }
        }
    }

    public void Dispose() => run.Dispose();

    private (string Digest, int Skipped) Train(params int[] shares)
    {
        var observer = new RecordingObserver();
        string directory = Path.Combine(run.Directory, $"run-of-{shares.Length}");
        var trainers = shares.Select(_ => run.Trainer(observer, directory)).ToList();
        try
        {
            var results = TinyRun.Generation(trainers, new ShardPlan(4, shares), writes: true);
            Assert.All(results, r => Assert.True(r.End == GenerationEnd.Finished, r.Reason));
            string digest = Assert.Single(TinyRun.OnThreads(shares.Length, rank => trainers[rank].StateDigest()).Distinct());
            return (digest, observer.Lines.Count(line => line.Contains("\"Loss/skipped_steps\":1", StringComparison.Ordinal)));
        }
        finally
        {
            trainers.ForEach(t => t.Dispose());
        }
    }

    private void Scaled(double scale) => run.Config = run.Config with { Training = run.Config.Training with { LossScale = scale, AutomaticLossScale = true } };
}
