using Diffusion.Coordinator.Journal;
using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Tests.Run;

public sealed class RunReplayTests
{
    [Fact]
    public void Restore_InTraining_MembersComeBackIntoTheSameGeneration()
    {
        var run = Restarted(new Scenario(workersToStart: 2).Training("a", "b"));
        Assert.True(run.State is { Epoch: 2, Generation: 1, Phase: RunPhase.Training }, run.State.Reason);
        run.Open("a", generation: 1);
        var last = run.Open("b", generation: 1);
        run.Progress("a", 9);

        Assert.Contains("All 2 members of generation 1 are back", last.Reason, StringComparison.Ordinal);
        Assert.True(run.State is { Generation: 1, ImagesSeen: 72 }, run.Story);
        Assert.Empty(run.Commands.OfType<SendStart>());
    }

    [Fact]
    public void Restore_MemberDoesNotComeBack_OthersGoOnWithoutIt()
    {
        var run = Restarted(new Scenario(workersToStart: 2).Training("a", "b"));
        run.Open("a", generation: 1);
        run.Pass(13);
        Assert.Contains(run.Commands, command => command is SendAbort { WorkerId: "a" });
        run.Ready("a", step: 5);

        Assert.True(run.State is { Generation: 2, Current.Plan.Members.Length: 1 }, run.Story);
    }

    [Fact]
    public void Restore_MemberDiedWithTheCoordinator_WhoWaitsForItWaitsALease()
    {
        var run = Restarted(new Scenario(workersToStart: 2).Training("a", "b"));
        run.Open("a", generation: 1);
        run.Do(new CollectiveBroke("a", 1, "connection reset", 1, 5, "bucket 2"));
        run.Ready("a", step: 4);
        run.Pass(2.5);
        Assert.True(run.State.Generation == 1, run.Story);
        string told = run.Pass(0.6);

        Assert.Contains("b is lost: it did not come back within 3 s of the coordinator's restart, and a waits for it (limit 3 s).", told, StringComparison.Ordinal);
        Assert.True(run.State is { Generation: 2, Current.Plan.Members.Length: 1 }, run.Story);
    }

    [Fact]
    public void Restore_OthersTrainOn_MissingMemberHasLonger()
    {
        var run = Restarted(new Scenario(workersToStart: 2).Training("a", "b"));
        run.Open("a", generation: 1);
        run.Pass(11);

        Assert.True(run.State.Workers["b"].Stage == WorkerStage.Detached, run.Story);
        Assert.Empty(run.Commands.OfType<SendAbort>());
    }

    [Fact]
    public void MemberEnded_WhileTheCoordinatorWasAway_IsNotWaitedFor()
    {
        var run = Restarted(new Scenario(workersToStart: 2).Training("a", "b"));
        var decision = run.Do(new MemberEnded("b"));
        run.Open("a", generation: 1);
        Assert.True(run.Sent<SendAbort>("a"), run.Story);
        run.Ready("a", step: 4);

        Assert.Contains("b is lost: its process 1 ended while the coordinator was away.", decision.Reason, StringComparison.Ordinal);
        Assert.True(run.State is { Generation: 2, Current.Plan.Members.Length: 1 }, run.Story);
    }

    [Fact]
    public void MemberEnded_AllOfThem_NewWorkersStartAtOnce()
    {
        var run = Restarted(new Scenario(workersToStart: 2).Training("a", "b"));
        run.Do(new MemberEnded("a"));
        run.Do(new MemberEnded("b"));
        run.Training("c");

        Assert.True(run.State is { Generation: 2, Phase: RunPhase.Training, Current.Plan.Members: [{ WorkerId: "c" }] }, run.Story);
    }

    [Fact]
    public void MemberEnded_WhoIsBackAlready_Stays()
    {
        var run = Restarted(new Scenario().Training("a"));
        run.Open("a", generation: 1);
        run.Do(new MemberEnded("a"));

        Assert.True(run.State.Workers["a"].Stage == WorkerStage.Training, run.Story);
    }

    [Fact]
    public void Finish_AllImagesSeen_IsTheEndUntilTheRunIsMadeLonger()
    {
        var run = new Scenario(steps: 10).Training("a");
        run.Progress("a", 10);
        Assert.Null(RunReplay.Finish(run.Journal, 80));
        run.Ready("a", step: 10, finished: true);

        Assert.Equal((RunEnd.Finished, 80L), RunReplay.Finish(run.Journal, 80) is { } end ? (end.End, end.ImagesSeen) : default);
        Assert.Equal(RunReplay.Finish(run.Journal, 80), RunReplay.Finish(JournalCompaction.Compact(run.Journal), 80));
        Assert.Null(RunReplay.Finish(run.Journal, 160));
    }

    [Fact]
    public void Finish_StoppedRun_GoesOn()
    {
        var run = new Scenario(steps: 10).Training("a");
        run.Progress("a", 5);
        run.Do(new StopRequested("a test."));
        run.Ready("a", step: 6);
        run.Pass(1);

        Assert.Null(RunReplay.Finish(run.Journal, 80));
    }

    [Fact]
    public void Restore_AfterALoss_WhoComesBackIsAborted()
    {
        var before = new Scenario(workersToStart: 2).Training("a", "b");
        before.Close("b");
        var run = Restarted(before);
        run.Open("a", generation: 1);

        Assert.True(run.Sent<SendAbort>("a"), run.Story);
        Assert.Contains("is lost", run.Do(new SessionOpened("b", 77, 1)).Refusal!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Restore_Fingerprint_StillHolds()
    {
        var run = Restarted(new Scenario().Training("a"));

        Assert.NotNull(run.Join("c", build: "2").Refusal);
    }

    [Fact]
    public void Restore_Records_AreCounted()
    {
        var before = new Scenario().Training("a");
        before.Do(new SnapshotStored("a", 40, 0.1, "s1", 1, "x"));
        before.Do(new SnapshotStored("a", 40, 0.1, "s1", 1, "x"));
        before.Do(new CheckpointStored("a", 48, "c1", 1, 1));
        before.Progress("a", 9);
        before.Pass(11);
        var run = Restarted(before);

        Assert.Equal((1L, 40L, 48L, 72L), (run.State.Snapshots, run.State.LastSnapshotImages, run.State.LastCheckpointImages, run.State.ImagesSeen));
    }

    [Fact]
    public void Restore_UnknownWorker_JoinsAgainAndItsGenerationNumberIsNotReused()
    {
        var run = Restarted(new Scenario());

        Assert.NotNull(run.Open("stranger", generation: 12).Refusal);
        Assert.Equal(12, run.State.Generation);
    }

    /// <summary>A coordinator killed and started again: all it knows went through the journal's bytes.</summary>
    private static Scenario Restarted(Scenario before)
    {
        var entries = before.Journal.Select(entry => JournalCodec.Decode(JournalCodec.Encode(entry))).Prepend(new CoordinatorStarted(1));
        var run = new Scenario(workersToStart: before.Settings.WorkersToStart);
        run.State = RunReplay.Restore(before.Settings, entries, run.Now);
        return run;
    }
}
