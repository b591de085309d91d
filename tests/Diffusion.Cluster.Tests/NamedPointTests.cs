namespace Diffusion.Cluster.Tests;

/// <summary>kill -9 at each named point of a worker's life: the run ends with the bits of the undisturbed one.</summary>
[Collection(ClusterTests.Name)]
public sealed class NamedPointTests(ClusterData data)
{
    [Theory]
    [InlineData("kill@forward:step=7")]
    [InlineData("kill@mid-bucket:step=7")]
    [InlineData("kill@between-buckets:step=7")]
    [InlineData("kill@optimizer:step=7")]
    [InlineData("kill@snapshot:step=40")]
    [InlineData("kill@checkpoint:step=20")]
    [InlineData("kill@checkpoint:step=40")]
    public async Task Kill_OfTheWriterAtAPoint_TheOtherFinishesWithTheSameBits(string fault)
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();

        // Who joins first sees the directory first, and writes.
        var writer = run.StartWorkerWith(fault);
        await writer.LineWith("Joined run");
        run.StartWorker();
        await run.Death(writer);
        Assert.Contains("Failing on purpose", writer.Output, StringComparison.Ordinal);
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Theory]
    [InlineData("kill@join")]
    [InlineData("kill@state-transfer")]
    public async Task Kill_OfANewcomerAtAPoint_TheOthersFinishWithTheSameBits(string fault)
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 1);
        await run.StartCoordinator();
        run.StartSlowWorker();
        await run.Step(5);
        var newcomer = run.StartWorkerWith(fault);
        await run.Death(newcomer);
        Assert.Contains("Failing on purpose", newcomer.Output, StringComparison.Ordinal);
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }

    [Fact]
    public async Task Kill_OfWhoGivesTheState_ANewcomerGetsItFromAnotherWithTheSameBits()
    {
        using var run = new ClusterRun(data.Config(), workersToStart: 2);
        await run.StartCoordinator();
        var giver = run.StartWorkerWith($"kill@state-transfer:step=1;{ClusterRun.Slow}");
        await giver.LineWith("Joined run");
        run.StartWorker();
        await run.Step(5);
        run.StartWorker();
        await run.Death(giver);
        await run.Finish();
        Assert.Equal(await data.Undisturbed(), run.Bits());
    }
}
