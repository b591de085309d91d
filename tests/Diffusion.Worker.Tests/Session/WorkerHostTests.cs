using Diffusion.Coordinator;
using Xunit.Abstractions;

namespace Diffusion.Worker.Tests.Session;

/// <summary>Workers with pretend ranks under a real coordinator, over real gRPC and real gloo.</summary>
public sealed class WorkerHostTests(ITestOutputHelper output)
{
    [Fact]
    public async Task RunAsync_OneWorkerOfTwoRanks_TrainsToTheEnd()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld(), output);
        var exit = await run.Work("alpha", ranks: 2).WaitAsync(TestRun.Patience);
        var outcome = await run.Server.Completion.WaitAsync(TestRun.Patience);

        Assert.Equal(WorkerEnd.Finished, exit.End);
        Assert.Equal((RunEnd.Finished, 160L), (outcome.End, outcome.ImagesSeen));
        Assert.Equal((1L, 2, 0L), Assert.Single(run.World.Generations));
        Assert.Equal(20, File.ReadAllLines(Path.Combine(run.RunDirectory, "metrics.jsonl")).Length);
    }

    [GlooFact]
    public async Task RunAsync_TwoWorkers_ShareOneGeneration()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld(), output, workersToStart: 2);
        var exits = await Task.WhenAll(run.Work("alpha"), run.Work("beta")).WaitAsync(TestRun.Patience);

        Assert.All(exits, exit => Assert.Equal(WorkerEnd.Finished, exit.End));
        Assert.Equal(2, Assert.Single(run.World.Generations).Ranks);
        Assert.Equal(RunEnd.Finished, (await run.Server.Completion.WaitAsync(TestRun.Patience)).End);
    }

    [GlooFact]
    public async Task RunAsync_WorkerBreaksDown_OtherGoesOnFromTheSameStep()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld(), output, workersToStart: 2);
        var alpha = run.Work("alpha");
        var beta = run.Work("beta", beforeStep: step => _ = step == 5 ? throw new InvalidProgramException("test") : 0);

        await Assert.ThrowsAsync<InvalidOperationException>(() => beta.WaitAsync(TestRun.Patience));
        Assert.Equal(WorkerEnd.Finished, (await alpha.WaitAsync(TestRun.Patience)).End);
        Assert.Equal([(1L, 2, 0L), (2L, 1, 5L)], run.World.Generations);
    }

    [GlooFact]
    public async Task RunAsync_WorkerJoinsLate_TakesPartFromTheNextStep()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld { Steps = 2000 }, output);
        var hold = run.World.Hold(5);
        var alpha = run.Work("alpha");
        await run.World.Reached(5).WaitAsync(TestRun.Patience);
        var beta = run.Work("beta");
        await WaitFor(run, status => status.Reason.Contains("beta joins", StringComparison.Ordinal));
        hold.Set();
        var exits = await Task.WhenAll(alpha, beta).WaitAsync(TestRun.Patience);

        Assert.All(exits, exit => Assert.Equal(WorkerEnd.Finished, exit.End));
        Assert.Equal([1, 2], run.World.Generations.Select(generation => generation.Ranks));
    }

    [GlooFact]
    public async Task RunAsync_Cancelled_LeavesAfterTheStepAndTheOtherGoesOn()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld(), output, workersToStart: 2);
        var hold = run.World.Hold(5);
        using var wish = new CancellationTokenSource();
        var alpha = run.Work("alpha");
        var beta = run.Work("beta", cancellationToken: wish.Token);
        await run.World.Reached(5).WaitAsync(TestRun.Patience);
        await wish.CancelAsync();
        await WaitFor(run, status => status.Workers.Any(worker => worker.State.EndsWith("leaving", StringComparison.Ordinal)));
        hold.Set();

        Assert.Equal(WorkerEnd.Stopped, (await beta.WaitAsync(TestRun.Patience)).End);
        Assert.Equal(WorkerEnd.Finished, (await alpha.WaitAsync(TestRun.Patience)).End);
        Assert.Equal([2, 1], run.World.Generations.Select(generation => generation.Ranks));
        Assert.InRange(run.World.Generations[1].FirstStep, 6, 7);
    }

    [GlooFact]
    public async Task RunAsync_CoordinatorDiesAndReturns_TheGenerationTrainsOn()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld(), output, workersToStart: 2);
        var hold = run.World.Hold(5);
        var alpha = run.Work("alpha");
        var beta = run.Work("beta");
        await run.World.Reached(5).WaitAsync(TestRun.Patience);
        await run.Server.DisposeAsync();
        await run.StartCoordinatorAsync(workersToStart: 2);
        await WaitFor(run, status => status.Workers.Count == 2 && status.Workers.All(worker => worker.State != "expected back"));
        hold.Set();
        var exits = await Task.WhenAll(alpha, beta).WaitAsync(TestRun.Patience);

        Assert.All(exits, exit => Assert.Equal(WorkerEnd.Finished, exit.End));
        Assert.Single(run.World.Generations);
        Assert.Equal(160, (await run.Server.Completion.WaitAsync(TestRun.Patience)).ImagesSeen);
    }

    [GlooFact]
    public async Task RunAsync_CoordinatorAndAMemberStayAway_SavesBetweenGenerationsAndSaysSo()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld(), output, workersToStart: 2);
        var hold = run.World.Hold(5);
        var alpha = run.Work("alpha", giveUp: TimeSpan.FromSeconds(1));
        var beta = run.Work("beta", beforeStep: step => _ = step == 5 ? throw new InvalidProgramException("test") : 0);
        await run.World.Reached(5).WaitAsync(TestRun.Patience);
        await run.Server.DisposeAsync();
        hold.Set();
        await Assert.ThrowsAsync<InvalidOperationException>(() => beta.WaitAsync(TestRun.Patience));
        var exit = await alpha.WaitAsync(TestRun.Patience);

        Assert.Equal(WorkerEnd.CoordinatorLost, exit.End);
        Assert.Contains("Step 5 is saved, says a test. Start the coordinator again", exit.Reason, StringComparison.Ordinal);
    }

    [GlooFact]
    public async Task RunAsync_StopOfTheRun_SavesBeforeItEnds()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld(), output, workersToStart: 2);
        var hold = run.World.Hold(5);
        var exits = Task.WhenAll(run.Work("alpha"), run.Work("beta"));
        await run.World.Reached(5).WaitAsync(TestRun.Patience);
        var stopping = run.Server.StopAsync("a test.");
        await WaitFor(run, status => status.Phase == V1.RunPhase.Stopping);
        hold.Set();
        await stopping.WaitAsync(TestRun.Patience);

        Assert.All(await exits.WaitAsync(TestRun.Patience), exit => Assert.Equal(WorkerEnd.Stopped, exit.End));
        Assert.Equal(RunEnd.Stopped, (await run.Server.Completion).End);
        Assert.InRange(run.World.Highest, 5, 7);
    }

    [Fact]
    public async Task RunAsync_OtherBuild_IsRefusedWithBothValues()
    {
        await using var run = await TestRun.StartAsync(new FakeWorld(), output);
        using var hold = run.World.Hold(5);
        var alpha = run.Work("alpha");
        await run.World.Reached(5).WaitAsync(TestRun.Patience);
        var exit = await run.Work("beta", build: "other").WaitAsync(TestRun.Patience);
        hold.Set();

        Assert.Equal(WorkerEnd.Refused, exit.End);
        Assert.Contains("build is 'other' there and 'test' in the run", exit.Reason, StringComparison.Ordinal);
        Assert.Equal(WorkerEnd.Finished, (await alpha.WaitAsync(TestRun.Patience)).End);
    }

    /// <summary>Asks until the status is as expected; bounded.</summary>
    internal static async Task WaitFor(TestRun run, Func<V1.RunStatus, bool> condition)
    {
        using var patience = new CancellationTokenSource(TestRun.Patience);
        while (!condition(await run.StatusAsync()))
        {
            await Task.Delay(20, patience.Token);
        }
    }
}
