using System.Diagnostics;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Benchmarks;

/// <summary>
/// What saving costs a run: the steps of one whole checkpoint interval of shapes-16, with its snapshots and checkpoint and without, in turns. Two figures: how much
/// longer the steps took altogether, which on a busy machine is mostly its other work, and how long the training thread itself was kept by saves, which is not.
/// </summary>
internal static class StallBenchmark
{
    /// <summary>Steps before the measured ones; the checkpoint is so many steps before their end, and written meanwhile.</summary>
    private const int Before = 8;

    public static void Run(Options options)
    {
        using var folder = new Folder();
        ShapesDataset.Write(folder["images"], new ShapesOptions { Count = 1000 }, null, CancellationToken.None);
        using var data = new DatasetCache(folder["packed"]).Open(folder["images"], null, CancellationToken.None);
        var preset = RunPresets.Get("shapes-16");
        int batch = preset.Training.BatchSize;
        int oftener = options["oftener", 1];
        long snapshots = preset.Training.SnapshotImages / batch / oftener * batch;
        long checkpoints = preset.Training.CheckpointImages / batch / oftener * batch;
        int steps = (int)(checkpoints / batch);
        var without = Config(preset, steps);
        var with = without with { Training = without.Training with { SnapshotImages = snapshots, CheckpointImages = checkpoints } };

        int pairs = options["pairs", 5];
        Console.WriteLine($"shapes-16, one thread, pairs of {steps} steps of {batch} images; snapshots every {snapshots}, a checkpoint every {checkpoints} images: {oftener} x as often as by default");
        Console.WriteLine("| pair | with saves, s | without, s | ratio | kept by saves, ms | of the run, % |\n|---:|---:|---:|---:|---:|---:|");
        var ratios = new double[pairs];
        var shares = new double[pairs];
        for (int pair = 0; pair < pairs; pair++)
        {
            // Who goes first changes, so that a machine that gets busier favours neither.
            var measured = new Dictionary<RunConfig, Interval>();
            foreach (var config in pair % 2 == 0 ? new[] { with, without } : [without, with])
            {
                measured[config] = Train(config, data, folder["run"], steps);
            }

            double kept = measured[with].Kept - measured[without].Kept;
            (ratios[pair], shares[pair]) = (measured[with].Seconds / measured[without].Seconds, 100 * kept / measured[with].Seconds);
            Console.WriteLine(FormattableString.Invariant(
                $"| {pair + 1} | {measured[with].Seconds:F2} | {measured[without].Seconds:F2} | {ratios[pair]:F4} | {1e3 * kept:F1} | {shares[pair]:F3} |"));
        }

        Console.WriteLine(FormattableString.Invariant(
            $"ratio: median {Paired.Median(ratios):F4}, {ratios.Min():F4} to {ratios.Max():F4}; kept by saves: median {Paired.Median(shares):F3} %, most {shares.Max():F3} %"));
    }

    /// <summary>Measured steps.</summary>
    /// <param name="Seconds">Their time, with what came between them.</param>
    /// <param name="Kept">Time between them, in which saves copy what they need.</param>
    private readonly record struct Interval(double Seconds, double Kept);

    private static RunConfig Config(RunConfig preset, int steps) => preset with
    {
        Shards = 1,
        Data = preset.Data with { HeldOut = 20 },
        Training = preset.Training with
        {
            // Every run saves after its last step, which is not measured.
            ThreadsPerRank = 1, DurationImages = (long)(steps + Before + 1) * preset.Training.BatchSize, StatusImages = preset.Training.BatchSize, SnapshotImages = 0, CheckpointImages = 0,
        },
    };

    private static Interval Train(RunConfig config, PackedDataset data, string directory, int steps)
    {
        // On a thread of its own, as a rank always is: the number of threads of a kernel belongs to it.
        var clock = new Clock();
        GenerationResult? result = null;
        var thread = new Thread(() =>
        {
            using var trainer = new RankTrainer(new RankTrainerOptions { Config = config, RunId = "benchmark", RunDirectory = directory, Data = data, Observer = clock, Loggers = NullLoggerFactory.Instance });
            result = trainer.Run(
                new GenerationRequest
                {
                    Number = 1, Rank = 0, RankCount = 1, Shards = new ShardPlan(1, [1]), Connect = _ => LocalTransport.CreateGroup(1)[0], CollectiveTimeout = TimeSpan.FromMinutes(1), Writes = true,
                },
                CancellationToken.None);
        });
        thread.Start();
        thread.Join();
        Directory.Delete(directory, recursive: true);
        return result is { End: GenerationEnd.Finished }
            ? clock.Between(Before, Before + steps)
            : throw new InvalidOperationException($"Training ended with {result?.End}: {result?.Reason}");
    }

    /// <summary>When each step was done and when the saves after it had let go: a status line of every step follows them.</summary>
    private sealed class Clock : ITrainingObserver
    {
        private readonly List<long> done = [];
        private readonly List<long> free = [];

        public Interval Between(int first, int last) => new(
            Stopwatch.GetElapsedTime(free[first - 1], free[last - 1]).TotalSeconds,
            Enumerable.Range(first, last - first).Sum(step => Stopwatch.GetElapsedTime(done[step], free[step]).TotalSeconds));

        public void StepCompleted(int rank, StepReport report) => done.Add(Stopwatch.GetTimestamp());

        public void StatusLine(long imagesSeen, string json) => free.Add(Stopwatch.GetTimestamp());

        public void PhaseChanged(int rank, WorkerPhase phase, long step)
        {
        }

        public void SnapshotSaved(long imagesSeen, double relativeStd, string fileName, long bytes, string sha256)
        {
        }

        public void CheckpointSaved(long imagesSeen, string name, long bytes, TimeSpan elapsed)
        {
        }

        public void SaveFailed(long imagesSeen, string what, string reason) => throw new IOException($"{what}: {reason}");
    }
}
