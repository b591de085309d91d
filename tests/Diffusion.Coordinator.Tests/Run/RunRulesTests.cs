using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Tests.Run;

public sealed class RunRulesTests
{
    [Fact]
    public void Join_OtherFingerprint_IsRefusedWithBothValues()
    {
        var run = new Scenario();
        run.Join("a");
        var decision = run.Join("b", build: "2");

        Assert.Equal(RefusalKind.Precondition, decision.Refusal?.Kind);
        Assert.Contains("build is '2' there and '1' in the run", decision.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("--fast", decision.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("b", run.State.Workers.Keys);
    }

    [Theory]
    [InlineData("device", "cuda", "cpu")]
    [InlineData("gpu", "NVIDIA A100 8.0", "NVIDIA H200 9.0")]
    [InlineData("nccl", "2.28.9", "2.20.5")]
    public void Join_OtherDevice_IsRefusedWithTheRemedy(string key, string there, string here)
    {
        var run = new Scenario();
        run.Do(new JoinAsked("a", "a", Scenario.Fingerprint().SetItem(key, here), 1, "127.0.0.1", true, 1));
        var decision = run.Do(new JoinAsked("b", "b", Scenario.Fingerprint().SetItem(key, there), 1, "127.0.0.1", true, 1));

        Assert.Equal(RefusalKind.Precondition, decision.Refusal?.Kind);
        Assert.Contains($"{key} is '{there}' there and '{here}' in the run", decision.Reason, StringComparison.Ordinal);
        Assert.Contains("--fast", decision.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Join_AboveTheMaximum_IsRefusedAsExhausted()
    {
        var run = new Scenario(maximumWorkers: 1);
        run.Join("a");

        Assert.Equal(RefusalKind.Exhausted, run.Join("b").Refusal?.Kind);
    }

    [Fact]
    public void Ready_EnoughWorkers_FormsTheFirstGenerationAfterSettling()
    {
        var run = new Scenario(workersToStart: 2);
        run.Join("a");
        run.Open("a");
        run.Ready("a");
        Assert.Equal(RunPhase.Waiting, run.State.Phase);
        Assert.Contains("Waiting for 1 worker", run.State.Reason, StringComparison.Ordinal);
        run.Training("b");

        Assert.True(run.State.Phase == RunPhase.Training, run.Story);
        Assert.Equal([4, 4], run.State.Current!.Plan.Members.Select(member => member.ShardCount));
        Assert.Equal("a", run.State.Current.Plan.WriterId);
    }

    [Fact]
    public void Ready_NobodySeesTheRunDirectory_TrainsAndAWorkerThatSeesItWritesOnceItIsThere()
    {
        var run = new Scenario();
        run.Join("a", sees: false);
        run.Open("a");
        run.Ready("a");
        run.Pass(2);

        Assert.True(run.State.Phase == RunPhase.Training, run.Story);
        Assert.Equal("a", run.State.Current?.Plan.WriterId);
        run.Training("b");
        run.Pass(2);
        run.Ready("a", step: 3);
        run.Pass(2);
        Assert.True(run.State.Current?.Plan.WriterId == "b", run.Story);
    }

    [Fact]
    public void Ready_MoreRanksThanShards_SurplusWaitsAsSpare()
    {
        var run = new Scenario(shards: 2, workersToStart: 3).Training("a", "b", "c");

        Assert.True(run.State.Current!.Plan.Members.Length == 2, run.Story);
        Assert.Equal(WorkerStage.Ready, run.State.Workers["c"].Stage);
        Assert.Contains("c waits as a spare", run.State.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Close_MemberInTraining_AbortsTheOthersAtOnceAndTheyGoOn()
    {
        var run = new Scenario(workersToStart: 3).Training("a", "b", "c");
        run.Close("b");
        Assert.True(run.Sent<SendAbort>("a") && run.Sent<SendAbort>("c"), run.Story);
        run.Ready("a", step: 7);
        run.Ready("c", step: 8);

        Assert.True(run.State is { Generation: 2, Phase: RunPhase.Training }, run.Story);
        Assert.Equal(["c", "a"], run.State.Current!.Plan.Members.Select(member => member.WorkerId));
    }

    [Fact]
    public void Close_BelowTheMinimum_SavesThenWaitsAndSaysForWhom()
    {
        var run = new Scenario(workersToStart: 2, minimumWorkers: 2).Training("a", "b");
        run.Close("b");
        run.Ready("a", step: 7);
        Assert.True(run.LastCommands.OfType<SendPause>().Any(pause => pause.WorkerId == "a" && pause.Save), run.Story);
        run.Do(new CheckpointStored("a", 64, "checkpoint", 1, 0.1));
        run.Ready("a", step: 8);

        Assert.True(run.State is { Current: null, Phase: RunPhase.Waiting }, run.Story);
        Assert.Contains("Waiting for 1 worker: 2 needed, ready: a", run.State.Reason, StringComparison.Ordinal);
        run.Pass(5);
        Assert.Equal(2, run.State.Generation);
    }

    [Fact]
    public void Tick_SilentWorker_IsSuspectThenLostThenTold()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Pass(2, silent: "b");
        Assert.True(run.State.Workers["b"].Suspect, run.Story);
        run.Pass(1.5, silent: "b");
        Assert.DoesNotContain("b", run.State.Workers.Keys);
        var back = run.Do(new SessionOpened("b", 99, 1));

        Assert.Equal(RefusalKind.Precondition, back.Refusal?.Kind);
        Assert.Contains("nothing was heard of it", back.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Tick_CoordinatorItselfStoodStill_BlamesNobody()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        var decision = RunRules.Decide(run.State, new Ticked(), run.Now + TimeSpan.FromSeconds(60));

        Assert.True(decision.Next.Workers.Count == 2, decision.Reason);
    }

    [Fact]
    public void Ready_Newcomer_PausesAndEntersTheNextGeneration()
    {
        var run = new Scenario().Training("a");
        run.Progress("a", 5);
        run.Join("b");
        run.Open("b");
        run.Ready("b");
        run.Pass(0.5);
        Assert.True(run.Commands.OfType<SendPause>().Any(pause => pause is { WorkerId: "a", Save: false }), run.Story);
        run.Ready("a", step: 6);

        Assert.True(run.State.Generation == 2, run.Story);
        Assert.Equal(["a", "b"], run.State.Current!.Plan.Members.Select(member => member.WorkerId));
    }

    [Fact]
    public void Leave_Member_PausesThenIsDismissed()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Do(new LeaveAsked("b", "spot notice."));
        Assert.True(run.Sent<SendPause>("a") && run.Sent<SendPause>("b"), run.Story);
        run.Ready("a", step: 3);
        run.Ready("b", step: 3);

        Assert.True(run.Sent<SendDismiss>("b") && run.Sent<SendStart>("a"), run.Story);
        Assert.Single(run.State.Current!.Plan.Members);
    }

    [Fact]
    public void Leave_LastMember_SavesFirst()
    {
        var run = new Scenario().Training("a");
        run.Do(new LeaveAsked("a", "spot notice."));

        Assert.True(run.LastCommands.OfType<SendPause>().Single().Save, run.Story);
    }

    [Fact]
    public void Stop_InTraining_PausesWithSaveThenDismissesAll()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Do(new StopRequested("a person asked."));
        Assert.True(run.LastCommands.OfType<SendPause>().All(pause => pause.Save), run.Story);
        run.Do(new CheckpointStored("a", 24, "checkpoint", 1, 0.1));
        run.Ready("a", step: 3);
        run.Ready("b", step: 3);
        Assert.True(run.State.Phase == RunPhase.Stopped && run.Sent<SendDismiss>("a") && run.Sent<SendDismiss>("b"), run.Story);
        run.Close("a");
        run.Close("b");

        Assert.Equal(RunPhase.Stopped, run.Commands.OfType<AnnounceEnd>().Single().Phase);
    }

    [Fact]
    public void Ready_AllFinished_EndsTheRun()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Ready("b", step: 100, finished: true);
        Assert.True(run.State.Phase == RunPhase.Training, run.Story);
        run.Ready("a", step: 100, finished: true);

        Assert.True(run.State.Phase == RunPhase.Finished, run.Story);
        Assert.True(run.LastCommands.OfType<SendDismiss>().Count(dismiss => dismiss.Kind == DismissalKind.Finished) == 2, run.Story);
    }

    [Fact]
    public void Close_WriterBeforeItFinished_NextGenerationFinishes()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Ready("b", step: 100, finished: true);
        run.Close("a");

        Assert.True(run.State is { Generation: 2, Phase: RunPhase.Training } && run.State.Current!.Plan.WriterId == "b", run.Story);
    }

    [Fact]
    public void Ready_SameStepOtherDigest_StopsTheRunWithBoth()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Do(new CollectiveBroke("a", 1, "timeout", 1, 3, ""));
        run.Ready("a", step: 3, digest: "x");
        run.Ready("b", step: 3, digest: "y");

        Assert.True(run.State.Phase == RunPhase.Failed, run.Story);
        Assert.Contains("After step 3 a holds state x and b holds y", run.State.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void CollectiveFailed_Always_NamesThePeerAndAbortsAll()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        var decision = run.Do(new CollectiveBroke("a", 1, "nothing came", 1, 3, "bucket 2"));

        Assert.Contains("during bucket 2 (waiting for rank 1 of b)", decision.Reason, StringComparison.Ordinal);
        Assert.True(run.Sent<SendAbort>("a") && run.Sent<SendAbort>("b"), run.Story);
        Assert.Contains(new CloseRendezvous(1), run.LastCommands);
    }

    [Fact]
    public void CollectiveFailed_AgainAndAgainWithoutAStep_FailsWithTheRemedy()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        for (int i = 0; i < 20 && !run.State.IsOver; i++)
        {
            run.Do(new CollectiveBroke("a", run.State.Generation, "connection refused", 1, 0, ""));
            run.Ready("a");
            run.Ready("b");
            run.Pass(12);
        }

        Assert.True(run.State.Phase == RunPhase.Failed, run.Story);
        Assert.Contains("--data-address", run.State.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Ready_OfAnOlderGeneration_IsIgnoredWithAReason()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Do(new CollectiveBroke("a", 1, "x", -1, 0, ""));
        run.Ready("a", step: 0);
        run.Ready("b", step: 0);
        run.Pass(2);
        Assert.Equal(2, run.State.Generation);
        var decision = run.Do(new ReadySaid("a", 1, 0, "d0", "", false));

        Assert.Contains("belongs to generation 1, the worker is in 2", decision.Reason, StringComparison.Ordinal);
        Assert.Equal(WorkerStage.Training, run.State.Workers["a"].Stage);
    }

    [Fact]
    public void Tick_NoStepWhileHeartbeatsGoOn_NamesEverybodyAndRemovesTheLast()
    {
        var run = new Scenario(workersToStart: 3).Training("a", "b", "c");
        run.Progress("a", 4);
        run.Do(new HeartbeatCame("a", 1, new WorkerActivity("reduce", 7, 5)));
        run.Do(new HeartbeatCame("b", 1, new WorkerActivity("compute", 6, 5)));
        run.Do(new HeartbeatCame("c", 1, new WorkerActivity("reduce", 7, 5)));
        string told = run.Pass(11);

        Assert.Contains("b is removed, it holds up all others.", told, StringComparison.Ordinal);
        Assert.Contains("a: reduce of step 5; b: compute of step 5; c: reduce of step 5.", told, StringComparison.Ordinal);
        Assert.Equal(["a", "c"], run.State.Workers.Keys);
    }

    [Fact]
    public void Tick_HangInTheVeryFirstStep_IsFoundByWhatItTookTheOthers()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Pass(1);
        run.Do(new HeartbeatCame("b", 1, new WorkerActivity("compute", 6, 1, 1)));
        for (int idle = 0; idle < 9; idle++)
        {
            Assert.Equal(2, run.State.Workers.Count);
            run.Do(new HeartbeatCame("a", 1, new WorkerActivity("reduce", 7, 1, 0, true, 1, "shards of rank 1", idle)));
            run.Pass(1);
        }

        Assert.Contains("Everybody waits for b: rank 1 in compute of step 1. It is removed", run.Story, StringComparison.Ordinal);
        Assert.Equal(["a"], run.State.Workers.Keys);
    }

    [Fact]
    public void Tick_VeryFirstStepTakesAllLong_IsNoHang()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Do(new HeartbeatCame("a", 1, new WorkerActivity("compute", 6, 1, 0)));
        run.Do(new HeartbeatCame("b", 1, new WorkerActivity("compute", 6, 1, 1)));
        run.Pass(60);
        run.Do(new HeartbeatCame("a", 1, new WorkerActivity("reduce", 7, 1, 0, true, 1, "shards of rank 1")));
        run.Pass(1);

        Assert.Equal(2, run.State.Workers.Count);
        Assert.Empty(run.Commands.OfType<WriteHangReport>());
    }

    [Fact]
    public void Tick_Hang_WritesOneReportAndAnAlarmWithTheSameSentence()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Progress("a", 4);
        run.Do(new HeartbeatCame("a", 1, new WorkerActivity("reduce", 7, 5, 0, true, 9, "gather of bucket 2", 9)));
        run.Do(new HeartbeatCame("b", 1, new WorkerActivity("reduce", 7, 5, 1, false, 9, "", 9)));
        string told = run.Pass(11);
        var report = Assert.Single(run.Commands.OfType<WriteHangReport>());

        Assert.Equal(5, report.Step);
        Assert.Contains("Everybody waits for b: rank 1 in reduce of step 5. It is removed, the others go on. a: rank 0 in reduce of step 5, waiting for gather of bucket 2;", told, StringComparison.Ordinal);
        Assert.Contains("Everybody waits for b: rank 1 in reduce of step 5.", report.Text, StringComparison.Ordinal);
        Assert.Contains("Everybody waits for b: rank 1 in reduce of step 5.", run.State.Alarms["hang"], StringComparison.Ordinal);
        Assert.Equal(["a"], run.State.Workers.Keys);
    }

    [Fact]
    public void CollectiveFailed_TimedOut_IsDiagnosedAtOnceAndTheOldestEventGoes()
    {
        var run = new Scenario(workersToStart: 3).Training("a", "b", "c");
        run.Progress("a", 4);
        foreach (var (id, idle) in new[] { ("a", 8.1), ("b", 8.0), ("c", 12.5) })
        {
            run.Do(new HeartbeatCame(id, 1, new WorkerActivity("reduce", 7, 5, 0, true, 9, "gather of bucket 2", idle)));
        }

        run.Do(new CollectiveBroke("a", 1, "Waited 8 s.", 2, 5, "gather of bucket 2", TimedOut: true));

        Assert.Single(run.Commands.OfType<WriteHangReport>());
        Assert.Equal(["a", "b"], run.State.Workers.Keys);
    }

    [Fact]
    public void CollectiveFailed_NobodyStandsOut_AllTryAgain()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Progress("a", 4);
        run.Do(new CollectiveBroke("a", 1, "Waited 8 s.", 1, 5, "gather of bucket 2", TimedOut: true));

        Assert.Equal(2, run.State.Workers.Count);
        Assert.True(run.Sent<SendAbort>("b"), run.Story);
        Assert.Contains("No worker stands out", run.State.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void CollectiveFailed_NewcomerNotConnected_IsSentAwayAndTheOthersGoOn()
    {
        var run = new Scenario().Training("a");
        run.Progress("a", 5);
        run.Training("b");
        run.Ready("a", step: 6);
        run.Do(new CollectiveBroke("a", 2, "No connection between rank 0 at 10.0.0.1:4000 and rank 1 at 10.0.0.2:5000.", 1, 7, CollectiveBroke.Connecting));
        Assert.True(run.LastCommands.OfType<SendDismiss>().Single() is { WorkerId: "b", Kind: DismissalKind.Failed }, run.Story);
        run.Ready("a", step: 6);

        Assert.True(run.State is { Generation: 3, Phase: RunPhase.Training, Current.Plan.Members.Length: 1 }, run.Story);
    }

    [Theory]
    [InlineData("10.0.0.1", true)]
    [InlineData("127.0.0.1", false)]
    public void CollectiveFailed_TwoNewOnesNotConnected_LaterOneGoesUnlessOnLoopback(string address, bool goes)
    {
        var run = new Scenario(workersToStart: 2);
        foreach (string id in new[] { "a", "b" })
        {
            run.Do(new JoinAsked(id, id, Scenario.Fingerprint(), 1, address, true, 1));
            run.Open(id);
            run.Ready(id);
        }

        run.Pass(0.5);
        var decision = run.Do(new CollectiveBroke("b", 1, "No connection.", 0, 1, CollectiveBroke.Connecting));

        Assert.Equal(goes ? ["a"] : ["a", "b"], run.State.Workers.Keys);
        Assert.Equal(goes, decision.Reason.Contains("b and a do not reach each other; b, which came later, is sent away", StringComparison.Ordinal));
        Assert.Equal(goes, run.LastCommands.OfType<SendDismiss>().Any(dismissed => dismissed is { WorkerId: "b", Kind: DismissalKind.Failed }));
    }

    [Theory]
    [InlineData("127.0.0.1", "10.0.0.2")]
    [InlineData("10.0.0.2", "127.0.0.1")]
    [InlineData("::1", "10.0.0.2")]
    public void Join_LoopbackAndNetwork_IsRefusedWithTheRemedy(string first, string second)
    {
        var run = new Scenario();
        run.Do(new JoinAsked("a", "a", Scenario.Fingerprint(), 1, first, true, 1));
        var refused = run.Do(new JoinAsked("b", "b", Scenario.Fingerprint(), 1, second, true, 1));

        Assert.Equal(RefusalKind.Precondition, refused.Refusal?.Kind);
        Assert.Contains("--data-address", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Tick_AbortUnanswered_RemovesWhoDoesNotAnswer()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Progress("a", 4);
        run.Do(new CollectiveBroke("a", 1, "timeout", 1, 4, ""));
        run.Ready("a", step: 4);
        run.Pass(11);

        Assert.True(run.State is { Generation: 2, Current.Plan.Members.Length: 1 }, run.Story);
    }

    [Fact]
    public void WorkerFailed_Always_EndsTheRunWithItsReason()
    {
        var run = new Scenario(workersToStart: 2).Training("a", "b");
        run.Do(new WorkerBroke("a", "10 gradients in a row were not finite."));

        Assert.True(run.State.Phase == RunPhase.Failed, run.Story);
        Assert.Contains("a cannot go on: 10 gradients in a row", run.State.Reason, StringComparison.Ordinal);
        Assert.Equal(2, run.LastCommands.OfType<SendDismiss>().Count());
    }

    [Fact]
    public void SaveFailed_OfACheckpoint_StandsAsAlarmUntilASaveSucceeds()
    {
        var run = new Scenario().Training("a");
        run.Do(new SaveBroke("a", 80, "checkpoint", "disk full."));
        Assert.Contains("disk full", Assert.Single(run.State.Alarms).Value, StringComparison.Ordinal);
        run.Do(new CheckpointStored("a", 160, "checkpoint-160", 1, 0.1));

        Assert.Empty(run.State.Alarms);
    }

    [Fact]
    public void SaveFailed_OfSnapshots_StandsAsAlarmUntilASaveSucceeds()
    {
        var run = new Scenario().Training("a");
        run.Do(new SaveBroke("a", 80, "snapshots", "disk full."));
        Assert.Contains("disk full", Assert.Single(run.State.Alarms).Value, StringComparison.Ordinal);
        run.Do(new SnapshotStored("a", 80, 0.05, "snapshot-80", 1, "digest"));

        Assert.Empty(run.State.Alarms);
    }

    [Fact]
    public void SaveFailed_AgainForTheSameReason_IsSaidOnce()
    {
        var run = new Scenario().Training("a");

        Assert.Contains("disk full", run.Do(new SaveBroke("a", 80, "checkpoint", "disk full.")).Reason, StringComparison.Ordinal);
        Assert.Empty(run.Do(new SaveBroke("a", 80, "checkpoint", "disk full.")).Reason);
        Assert.Contains("EIO", run.Do(new SaveBroke("a", 80, "checkpoint", "EIO.")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckpointStored_OlderThanTheLast_LeavesTheHighestCount()
    {
        var run = new Scenario().Training("a");
        run.Do(new CheckpointStored("a", 160, "checkpoint-160", 1, 0.1));
        run.Do(new CheckpointStored("a", 80, "checkpoint-80", 1, 0.1));

        Assert.Equal(160, run.State.LastCheckpointImages);
    }

    [Fact]
    public void Metrics_RepeatedStep_IsWrittenOnce()
    {
        var run = new Scenario().Training("a");
        run.Do(new MetricsReported("a", 80, "{}"));
        run.Do(new MetricsReported("a", 80, "{}"));

        Assert.Single(run.Commands.OfType<AppendMetrics>());
    }
}
