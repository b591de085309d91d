using Diffusion.Native.Collectives;
using Diffusion.Native.Tests.Collectives.Nccl;
using Xunit.Abstractions;

namespace Diffusion.Worker.Tests.Session;

/// <summary>Workers whose ranks have devices, linked by the stand-in for NCCL: a coordinator's generations, end to end.</summary>
[Collection("stand-in")]
public sealed class DeviceGenerationTests(ITestOutputHelper output)
{
    [DeviceFact]
    public async Task RunAsync_TwoWorkersWithTwoDevicesEach_ShareOneGeneration()
    {
        StandIn.Begin();
        await using var run = await TestRun.StartAsync(new FakeWorld(), output, workersToStart: 2);
        var exits = await Task.WhenAll(run.Work("alpha", ranks: 2, openLane: OpenLane), run.Work("beta", ranks: 2, openLane: OpenLane)).WaitAsync(TestRun.Patience);

        Assert.All(exits, exit => Assert.Equal(WorkerEnd.Finished, exit.End));
        Assert.Equal(4, Assert.Single(run.World.Generations).Ranks);
        Assert.Equal(4, StandIn.Calls().Count(call => call.StartsWith("ncclCommInitRankConfig", StringComparison.Ordinal)));
        Assert.Equal(4 * run.World.Steps, StandIn.Calls().Count(call => call.StartsWith("ncclAllReduce", StringComparison.Ordinal)));
        Assert.Empty(StandIn.Violations());
    }

    [DeviceFact]
    public async Task RunAsync_OneBreaksDownAndAnotherComes_GenerationsOfTwoOneAndTwoDevices()
    {
        StandIn.Begin();
        await using var run = await TestRun.StartAsync(new FakeWorld { Steps = 200 }, output, workersToStart: 2);
        var hold = run.World.Hold(20);
        var alpha = run.Work("alpha", openLane: OpenLane);
        var beta = run.Work("beta", beforeStep: step => _ = step == 5 ? throw new InvalidProgramException("test") : 0, openLane: OpenLane);
        await Assert.ThrowsAsync<InvalidOperationException>(() => beta.WaitAsync(TestRun.Patience));
        await run.World.Reached(20).WaitAsync(TestRun.Patience);
        var gamma = run.Work("gamma", openLane: OpenLane);
        await WorkerHostTests.WaitFor(run, status => status.Reason.Contains("gamma joins", StringComparison.Ordinal));
        hold.Set();
        var exits = await Task.WhenAll(alpha, gamma).WaitAsync(TestRun.Patience);

        Assert.All(exits, exit => Assert.Equal(WorkerEnd.Finished, exit.End));
        Assert.Equal([2, 1, 2], run.World.Generations.Select(generation => generation.Ranks));
        Assert.Equal(5, run.World.Generations[1].FirstStep);

        // One rank alone needs no link; the two generations of two had a name each.
        Assert.Equal(2, StandIn.Calls().Count(call => call.StartsWith("ncclGetUniqueId", StringComparison.Ordinal)));
        Assert.Contains(StandIn.Calls(), call => call.StartsWith("ncclCommAbort", StringComparison.Ordinal));
        Assert.Empty(StandIn.Violations());
    }

    private static IDeviceLane OpenLane(int local) => new StandInLane(StandIn.Handle, local);

    /// <summary>Facts that need the stand-in, and gloo between workers.</summary>
    private sealed class DeviceFactAttribute : FactAttribute
    {
        public DeviceFactAttribute() => Skip = StandIn.WhyNot ?? (GlooTransport.IsAvailable ? null! : Native.CpuEnvironment.Gloo);
    }
}
