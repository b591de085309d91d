using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Tests.Run;

/// <summary>When shards move from slow workers to fast ones, and when they stay.</summary>
public sealed class BalanceTests
{
    [Fact]
    public void Progress_OneTwiceAsSlow_PausesWithoutSaveAndMovesShards()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        long step = Train(run, 40, ("a", 0.01), ("b", 0.02));
        var pauses = run.Commands.OfType<SendPause>().ToArray();
        Assert.True(pauses.Length == 2 && pauses.All(pause => !pause.Save), run.Story);
        Assert.Contains("b needs 20.0 ms a shard over the last 20 steps, 2.0 times the median: shards move from 4 + 4 to 6 + 2, which should shorten the computing of a step from 80.0 ms to 60.0 ms.", run.State.Reason, StringComparison.Ordinal);
        ReadyAgain(run, step);

        Assert.True(run.State.Generation == 2, run.Story);
        Assert.Equal([6, 2], Shares(run));
        Assert.Contains("a, b with 2 ranks (6 + 2 shards). b needs 20.0 ms", run.State.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_AfterAMove_StaysWhileSpeedsStay()
    {
        var run = Moved();
        Train(run, 1000, ("a", 0.01), ("b", 0.02));

        Assert.True(run.State is { Generation: 2, Current.Stage: GenerationStage.Running }, run.Story);
    }

    [Fact]
    public void Progress_SlowWorkerRecovers_SharesAreEvenAgainButNotAtOnce()
    {
        var run = Moved();
        Train(run, 200, ("a", 0.01), ("b", 0.01));
        Assert.True(run.State.Current!.Stage == GenerationStage.Running, run.Story);
        for (int i = 0; i < 8; i++)
        {
            run.Pass(8);
            Train(run, 1, ("a", 0.01), ("b", 0.01));
        }

        long step = run.State.Current.CompletedStep;
        Assert.Contains("No worker needs more than 1.3 times the median", run.State.Reason, StringComparison.Ordinal);
        ReadyAgain(run, step);

        Assert.Equal([4, 4], Shares(run));
    }

    [Theory]
    [InlineData(0.0125)]
    [InlineData(0.0101)]
    public void Progress_LittleSlower_MovesNothing(double seconds)
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        Train(run, 200, ("a", 0.01), ("b", seconds));

        Assert.True(run.State.Current!.Stage == GenerationStage.Running, run.Story);
    }

    [Fact]
    public void Progress_NoFinerSharesPossible_MovesNothing()
    {
        var run = new Scenario(shards: 2, workersToStart: 2).Training("a", "b");
        Train(run, 200, ("a", 0.01), ("b", 0.05));

        Assert.True(run.State.Current!.Stage == GenerationStage.Running, run.Story);
    }

    [Fact]
    public void Progress_OneHiccup_MovesNothing()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        long step = Train(run, 30, ("a", 0.01), ("b", 0.01));
        run.Progress("b", step + 1, shardSeconds: 0.5);
        Train(run, 30, ("a", 0.01), ("b", 0.01));

        Assert.True(run.State.Current!.Stage == GenerationStage.Running, run.Story);
    }

    [Fact]
    public void Progress_FastMode_MovesNothing()
    {
        var run = new Scenario(workersToStart: 2) { Fast = true }.Training("a", "b");
        Train(run, 200, ("a", 0.01), ("b", 0.05));

        Assert.True(run.State.Current!.Stage == GenerationStage.Running, run.Story);
    }

    [Fact]
    public void Close_OfAnother_MeasuredSpeedsStillHold()
    {
        var run = new Scenario(workersToStart: 3).Training("a", "b", "c");
        long step = Train(run, 31, ("a", 0.01), ("b", 0.03), ("c", 0.01));
        ReadyAgain(run, step);
        run.Close("c");
        run.Ready("a", step);
        run.Ready("b", step);

        Assert.Equal([6, 2], Shares(run));
    }

    [Fact]
    public void Start_SharesByHand_AreKeptWhateverIsMeasured()
    {
        var run = new Scenario(workersToStart: 2);
        foreach (var (id, share) in new[] { ("a", 5.0), ("b", 3.0) })
        {
            run.Join(id, share: share);
            run.Open(id);
            run.Ready(id);
        }

        run.Pass(0.5);
        Assert.Equal([5, 3], Shares(run));
        Train(run, 200, ("a", 0.05), ("b", 0.01));

        Assert.True(run.State.Current!.Stage == GenerationStage.Running, run.Story);
        Assert.Contains("(5 + 3 shards)", run.State.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(1e9)]
    public void Join_ImpossibleShare_IsRefused(double share) => Assert.NotNull(new Scenario().Join("a", share: share).Refusal);

    private static Scenario Moved()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        ReadyAgain(run, Train(run, 31, ("a", 0.01), ("b", 0.02)));
        Assert.True(run.State.Generation == 2, run.Story);
        return run;
    }

    private static int[] Shares(Scenario run) => [.. run.State.Current!.Plan.Members.Select(member => member.ShardCount)];

    private static void ReadyAgain(Scenario run, long step)
    {
        foreach (string id in run.State.Workers.Keys)
        {
            run.Ready(id, step);
        }
    }

    /// <summary>Steps until the generation pauses or the number is reached; the last step.</summary>
    private static long Train(Scenario run, int steps, params (string Id, double ShardSeconds)[] speeds)
    {
        long step = Math.Max(0, run.State.Current!.CompletedStep);
        for (int i = 0; i < steps && run.State.Current?.Stage == GenerationStage.Running; i++)
        {
            step++;
            foreach (var (id, seconds) in speeds)
            {
                run.Progress(id, step, seconds);
            }
        }

        return step;
    }
}
