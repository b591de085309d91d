using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Native.Collectives;
using Diffusion.Snapshots.Safetensors;
using Diffusion.V1;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Tests.Training;

/// <summary>Proves the promise in one process: who computes which shard, and what fails on the way, changes no bit of weights, moments or averages.</summary>
public sealed class RankTrainerTests : IDisposable
{
    private readonly TinyRun run = new();

    public static TheoryData<string> Plans => new("2 2", "1 1 1 1", "3 1", "1 3", "1 2 1");

    [Theory]
    [MemberData(nameof(Plans))]
    public void Run_AnyPlan_HasTheBitsOfOneRank(string shares)
    {
        var plan = new ShardPlan(4, shares.Split(' ').Select(int.Parse).ToArray());
        var (digest, losses) = Undisturbed();
        var observer = new RecordingObserver();
        var trainers = Trainers(plan.RankCount, observer);
        try
        {
            var results = TinyRun.Generation(trainers, plan);
            Assert.All(results, r => Assert.True(r.End == GenerationEnd.Finished, r.Reason));
            Assert.All(Digests(trainers), d => Assert.Equal(digest, d));
            Assert.Equal(losses, observer.Steps.DistinctBy(s => s.CompletedStep).OrderBy(s => s.CompletedStep).Select(s => s.Loss));
        }
        finally
        {
            trainers.ForEach(t => t.Dispose());
        }
    }

    [Fact]
    public void Run_AbortedInTheMiddleOfAStep_RepeatsItWithTheSameBits()
    {
        var (digest, _) = Undisturbed();
        List<RankTrainer> trainers = [];
        var aborted = 0;
        var observer = new RecordingObserver
        {
            // When a rank is about to exchange the gradients of the fourth step, everybody is told to leave.
            OnPhase = (phase, step) =>
            {
                if (phase == WorkerPhase.Reduce && step == 3 && Interlocked.Exchange(ref aborted, 1) == 0)
                {
                    trainers.ForEach(t => t.Abort("a member is gone"));
                }
            },
        };
        trainers.AddRange(Trainers(2, observer));
        try
        {
            var first = TinyRun.Generation(trainers, ShardPlan.Even(4, 2), number: 1);
            Assert.All(first, r => Assert.True(r.End == GenerationEnd.Aborted && r.CompletedStep == 3, $"{r.End} at {r.CompletedStep}: {r.Reason}"));

            // The second rank is the member that is gone; a newcomer without state takes its place.
            trainers[1].Dispose();
            trainers[1] = run.Trainer();
            var second = TinyRun.Generation(trainers, new ShardPlan(4, [1, 3]), number: 2);
            Assert.All(second, r => Assert.True(r.End == GenerationEnd.Finished, r.Reason));
            Assert.All(Digests(trainers), d => Assert.Equal(digest, d));
        }
        finally
        {
            trainers.ForEach(t => t.Dispose());
        }
    }

    [Fact]
    public void Run_StateTransferBreaksOff_TheReceiverAloneBeginsAnewWithTheSameBits()
    {
        var (digest, _) = Undisturbed();
        var trainers = BreakTransfer(holders: 1);
        try
        {
            Assert.Equal(-1, trainers[1].CompletedStep);
            var alone = TinyRun.Generation([trainers[1]], ShardPlan.Even(4, 1), number: 3);
            Assert.True(alone[0].End == GenerationEnd.Finished, alone[0].Reason);
            Assert.Equal(digest, Digests([trainers[1]])[0]);
        }
        finally
        {
            trainers.ForEach(t => t.Dispose());
        }
    }

    [Fact]
    public void Run_StateTransferBreaksOff_OthersThatHoldTheStateKeepIt()
    {
        var trainers = BreakTransfer(holders: 2);
        try
        {
            Assert.True(trainers[0].CompletedStep > 0);
            Assert.Equal([trainers[0].CompletedStep, trainers[0].CompletedStep, -1], trainers.Select(t => t.CompletedStep));
        }
        finally
        {
            trainers.ForEach(t => t.Dispose());
        }
    }

    [Fact]
    public void Run_WriterIsLostBeforeTheLastCheckpoint_AnotherWritesIt()
    {
        using var trainer = run.Trainer(null, run.RunDirectory);
        TinyRun.Generation([trainer], ShardPlan.Even(4, 1), writes: false);
        var end = TinyRun.Generation([trainer], ShardPlan.Even(4, 1), number: 2, writes: true);
        Assert.True(end[0].End == GenerationEnd.Finished, end[0].Reason);

        string undisturbed = Path.Combine(run.Directory, "undisturbed");
        using var other = run.Trainer(null, undisturbed);
        TinyRun.Generation([other], ShardPlan.Even(4, 1), writes: true);
        Assert.Equal(Weights(undisturbed), Weights(run.RunDirectory));

        static string Weights(string directory)
        {
            using var file = SafetensorsFile.Open(Path.Combine(directory, "checkpoints", "checkpoint-000000000048", "weights.safetensors"));
            return file.Verify().DataSha256;
        }
    }

    [Fact]
    public void RequestPause_OnOneRank_PausesAllAfterTheSameStepAndSaves()
    {
        var (digest, _) = Undisturbed();
        List<RankTrainer> trainers = [];
        var observer = new RecordingObserver { OnStep = report => trainers[1].RequestPause(save: report.CompletedStep == 2) };
        trainers.Add(run.Trainer(new RecordingObserver(), run.RunDirectory));
        trainers.Add(run.Trainer(observer));
        try
        {
            var paused = TinyRun.Generation(trainers, ShardPlan.Even(4, 2), writes: true);
            Assert.All(paused, r => Assert.True(r.End == GenerationEnd.Paused, r.Reason));
            Assert.Single(paused.Select(r => r.CompletedStep).Distinct());
            Assert.InRange(paused[0].CompletedStep, 2, 3);
        }
        finally
        {
            trainers.ForEach(t => t.Dispose());
        }

        // A process that starts anew, alone, goes on from there.
        using var resumed = run.Trainer(null, run.RunDirectory);
        var end = TinyRun.Generation([resumed], ShardPlan.Even(4, 1), writes: true);
        Assert.True(end[0].End == GenerationEnd.Finished, end[0].Reason);
        Assert.Equal(digest, Digests([resumed]).Single());
    }

    [Fact]
    public void Run_ToTheEnd_WritesSnapshotsACheckpointAndMetrics()
    {
        var observer = new RecordingObserver();
        using var trainer = run.Trainer(observer, run.RunDirectory);
        TinyRun.Generation([trainer], ShardPlan.Even(4, 1), writes: true);
        Assert.Equal(["network-snapshot-0000000-0.050.safetensors", "network-snapshot-0000000-0.100.safetensors", "checkpoint-000000000048"], observer.Saved);
        Assert.Empty(observer.Failures);
        using var snapshot = SafetensorsFile.Open(Path.Combine(run.RunDirectory, "snapshots", "network-snapshot-0000000-0.100.safetensors"));
        Assert.Equal("48", snapshot.Metadata["images_seen"]);
        Assert.Contains(snapshot.Tensors, t => t.Name == "unet.emb_fourier.freqs");
        Assert.All(snapshot.Tensors, t => Assert.Equal(ElementType.Float16, t.ElementType));

        Assert.Equal(6, observer.Lines.Count);
        var line = JsonNode.Parse(observer.Lines.Last())!;
        Assert.Equal(0.048, line["Progress/kimg"]!.GetValue<double>());
        Assert.True(double.IsFinite(line["Loss/loss"]!.GetValue<double>()));
    }

    [Fact]
    public void Run_WriterIsLostBeforeItsSnapshotsAreDurable_AnotherWritesTheSameBytes()
    {
        run.Config = run.Config with { Training = run.Config.Training with { BatchSize = 1000, DurationImages = 2000, SnapshotImages = 1000, StatusImages = 0, CheckpointImages = 0, MicroBatchSize = 250 }, Network = run.Config.Network.With("modelChannels", 4) };
        List<RankTrainer> trainers = [];
        int aborted = 0;
        var observer = new RecordingObserver
        {
            OnPhase = (phase, step) =>
            {
                if (phase == WorkerPhase.Reduce && step == 1 && Interlocked.Exchange(ref aborted, 1) == 0)
                {
                    trainers.ForEach(t => t.Abort("lost"));
                }
            },
        };
        trainers.AddRange([run.Trainer(null, run.RunDirectory), run.Trainer(observer, run.RunDirectory)]);
        string snapshot = Path.Combine(run.RunDirectory, "snapshots", "network-snapshot-0000001-0.050.safetensors");
        TinyRun.Generation(trainers, ShardPlan.Even(4, 2), writes: true);
        trainers[0].Dispose();
        byte[] written = File.ReadAllBytes(snapshot);
        File.Delete(snapshot);
        try
        {
            var end = TinyRun.Generation([trainers[1]], ShardPlan.Even(4, 1), number: 2, writes: true);
            Assert.True(end[0].End == GenerationEnd.Finished, end[0].Reason);
            Assert.Equal(written, File.ReadAllBytes(snapshot));
        }
        finally
        {
            trainers[1].Dispose();
        }
    }

    [Fact]
    public void Run_GradientsThatAreNeverFinite_SkipsThenEndsTheRunWithTheTensorsName()
    {
        run.Config = run.Config with { Training = run.Config.Training with { LossScale = 1e38, NonFiniteStepsLimit = 2 } };
        var observer = new RecordingObserver();
        using var trainer = run.Trainer(observer);
        var end = TinyRun.Generation([trainer], ShardPlan.Even(4, 1));
        Assert.Equal(GenerationEnd.Failed, end[0].End);
        Assert.Contains("2 steps in a row", end[0].Reason, StringComparison.Ordinal);
        Assert.Contains("lossScale", end[0].Reason, StringComparison.Ordinal);
        Assert.Contains("unet.", end[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_CheckpointOfAnotherConfiguration_IsRefused()
    {
        using (var trainer = run.Trainer(null, run.RunDirectory))
        {
            TinyRun.Generation([trainer], ShardPlan.Even(4, 1), writes: true);
        }

        run.Config = run.Config with { Seed = 4 };
        using var other = run.Trainer(null, run.RunDirectory);
        var end = TinyRun.Generation([other], ShardPlan.Even(4, 1), writes: true);
        Assert.Equal(GenerationEnd.Failed, end[0].End);
        Assert.Contains("another configuration", end[0].Reason, StringComparison.Ordinal);
    }

    public void Dispose() => run.Dispose();

    private (string Digest, double[] Losses) Undisturbed()
    {
        var observer = new RecordingObserver();
        using var trainer = run.Trainer(observer);
        var result = TinyRun.Generation([trainer], ShardPlan.Even(4, 1));
        Assert.True(result[0].End == GenerationEnd.Finished, result[0].Reason);
        return (Digests([trainer]).Single(), [.. observer.Steps.Select(s => s.Loss)]);
    }

    // Some ranks train a few steps; then the first gives its state to a newcomer and is cut off when one arena of it is through.
    private List<RankTrainer> BreakTransfer(int holders)
    {
        List<RankTrainer> trainers = [];
        trainers.AddRange(Trainers(holders, new RecordingObserver { OnStep = report => trainers[0].RequestPause(save: false) }));
        TinyRun.Generation(trainers, ShardPlan.Even(4, holders), number: 1);
        trainers.Add(run.Trainer());

        // Offers, counters, the first arena.
        var transports = LocalTransport.CreateGroup(holders + 1);
        using var breaking = new BreakingTransport(transports[0], exchanges: 3);
        var ends = TinyRun.Generation(trainers, new ShardPlan(4, [4 - holders, .. Enumerable.Repeat(1, holders)]), number: 2, transports: [breaking, .. transports.Skip(1)]);
        Assert.All(ends, r => Assert.Contains(r.End, new[] { GenerationEnd.Aborted, GenerationEnd.CollectiveFailed }));
        return trainers;
    }

    private List<RankTrainer> Trainers(int count, ITrainingObserver observer) => [.. Enumerable.Range(0, count).Select(_ => run.Trainer(observer))];

    private static string[] Digests(IReadOnlyList<RankTrainer> trainers) => TinyRun.OnThreads(trainers.Count, rank => trainers[rank].StateDigest());
}
