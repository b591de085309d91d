using Diffusion.Coordinator.Run;
using Xunit;

namespace Diffusion.Coordinator.Tests.Run;

/// <summary>A start that does only a slice of its run stops, saved, and is no failure.</summary>
public sealed class SliceTests
{
    [Fact]
    public void Progress_SliceDone_PausesWithSaveThenStops()
    {
        var run = new Scenario(workersToStart: 2, sliceImages: 80).Training("a", "b");
        run.Progress("a", 10);
        run.Pass(0.2);
        Assert.Equal(RunPhase.Training, run.State.Phase);

        // The first report came after step 10, so this start began at step 9.
        run.Progress("a", 19);
        Assert.Equal(RunPhase.Stopping, run.State.Phase);
        Assert.Contains("its slice of 80 images is done", run.State.Reason, StringComparison.Ordinal);
        Assert.Contains(run.LastCommands, command => command is SendPause { Save: true });

        run.Ready("a", 20);
        run.Ready("b", 20);
        run.Pass(1);
        Assert.Equal(RunPhase.Stopped, run.State.Phase);
    }

    [Fact]
    public void Progress_SliceEndsWithTheRun_FinishesInstead()
    {
        var run = new Scenario(steps: 20, sliceImages: 160).Training("a");
        run.Progress("a", 1);
        run.Progress("a", 20);
        Assert.Equal(RunPhase.Training, run.State.Phase);
        run.Ready("a", 20, finished: true);
        run.Pass(1);
        Assert.Equal(RunPhase.Finished, run.State.Phase);
    }
}
