using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Benchmarks;

/// <summary>Whole training steps of the preset shapes-16 on one thread: data, forward, backward, optimizer, averages, by micro-batch.</summary>
internal static class StepBenchmark
{
    private static readonly int[] MicroBatches = [4, 8, 16, 32];

    public static void Run(Options options)
    {
        int steps = options["steps", 8];
        using var folder = new Folder();
        ShapesDataset.Write(folder["images"], new ShapesOptions { Count = 500 }, null, CancellationToken.None);
        using var data = new DatasetCache(folder["packed"]).Open(folder["images"], null, CancellationToken.None);
        Console.WriteLine($"shapes-16, batch {Config(steps, 1).Training.BatchSize}, one shard, one thread, {steps} steps per turn after two that do not count");
        var times = MicroBatches.ToDictionary(size => size, _ => new List<double>());
        for (int turn = 0; turn < options["turns", 3]; turn++)
        {
            foreach (int size in MicroBatches)
            {
                times[size].AddRange(Train(Config(steps + 2, size), data).Skip(2));
            }
        }

        int batch = Config(steps, 1).Training.BatchSize;
        Console.WriteLine("| micro-batch | step min, ms | step median, ms | images/s |\n|---:|---:|---:|---:|");
        foreach (var (size, seconds) in times)
        {
            double median = Paired.Median([.. seconds]);
            Console.WriteLine(FormattableString.Invariant($"| {size} | {1e3 * seconds.Min():F1} | {1e3 * median:F1} | {batch / median:F1} |"));
        }
    }

    private static RunConfig Config(int steps, int microBatch)
    {
        var preset = RunPresets.Get("shapes-16");
        return preset with
        {
            Shards = 1,
            Data = preset.Data with { HeldOut = 20 },
            Training = preset.Training with
            {
                MicroBatchSize = microBatch, ThreadsPerRank = 1, DurationImages = (long)steps * preset.Training.BatchSize,
                StatusImages = preset.Training.BatchSize, SnapshotImages = 0, CheckpointImages = (long)steps * preset.Training.BatchSize,
            },
        };
    }

    private static List<double> Train(RunConfig config, PackedDataset data)
    {
        // On a thread of its own, as a rank always is: the number of threads of a kernel belongs to it.
        var steps = new Steps();
        GenerationResult? result = null;
        var thread = new Thread(() =>
        {
            using var trainer = new RankTrainer(new RankTrainerOptions { Config = config, RunId = "benchmark", Data = data, Observer = steps, Loggers = NullLoggerFactory.Instance });
            result = trainer.Run(
                new GenerationRequest
                {
                    Number = 1, Rank = 0, RankCount = 1, Shards = new ShardPlan(1, [1]), Connect = _ => LocalTransport.CreateGroup(1)[0], CollectiveTimeout = TimeSpan.FromMinutes(1),
                },
                CancellationToken.None);
        });
        thread.Start();
        thread.Join();
        return result is { End: GenerationEnd.Finished } ? steps.Seconds : throw new InvalidOperationException($"Training ended with {result?.End}: {result?.Reason}");
    }

    private sealed class Steps : ITrainingObserver
    {
        public List<double> Seconds { get; } = [];

        public void StepCompleted(int rank, StepReport report) => Seconds.Add(report.Total.TotalSeconds);

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

        public void StatusLine(long imagesSeen, string json)
        {
        }
    }
}
