using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Native;
using Diffusion.Native.Collectives;
using Diffusion.Native.Operators;
using Diffusion.V1;
using Diffusion.Worker.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Gpu;

/// <summary>How a short training went.</summary>
/// <param name="Digest">SHA-256 of weights, moments and averages at the end.</param>
/// <param name="Losses">Mean loss of each step.</param>
/// <param name="Seconds">Length of each step on the first rank.</param>
internal sealed record TrainedRun(string Digest, IReadOnlyList<double> Losses, IReadOnlyList<double> Seconds);

/// <summary>Trains in this process, each rank a thread, all on one device.</summary>
internal static class Training
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20);

    public static TrainedRun Run(RunConfig config, PackedDataset data, string device, int ranks = 1)
    {
        var problems = config.Problems().ToArray();
        if (problems.Length > 0)
        {
            throw new ConfigurationException(problems);
        }

        ComputePolicy.Apply(config.Training.Tf32);
        bool isExact = config.Training.GradientSum == GradientSum.Exact;
        ComputePolicy.Reproducible(isExact);
        OperatorChoice.FusedAttention = !isExact && OperatorChoice.HasFusedAttention;
        OperatorChoice.ChannelsLast = config.Training.ChannelsLast;
        var plan = ShardPlan.Even(config.Shards, ranks);
        var group = LocalTransport.CreateGroup(ranks);
        var steps = new Steps();
        string[] digests = new string[ranks];
        OnThreads(ranks, rank =>
        {
            using var trainer = new RankTrainer(new RankTrainerOptions { Config = config, RunId = "check", Data = data, Device = device, Observer = steps, Loggers = NullLoggerFactory.Instance, LocalRank = rank });
            var result = trainer.Run(
                new GenerationRequest { Number = 1, Rank = rank, RankCount = ranks, Shards = plan, Connect = _ => group[rank], CollectiveTimeout = TimeSpan.FromMinutes(2) },
                CancellationToken.None);
            digests[rank] = result.End == GenerationEnd.Finished ? trainer.StateDigest() : throw new InvalidOperationException($"Rank {rank} ended with {result.End}: {result.Reason}");
        });
        return digests.Distinct().Count() == 1
            ? new TrainedRun(digests[0], steps.Losses, steps.Seconds)
            : throw new InvalidOperationException($"The ranks end with different states: {string.Join(", ", digests)}.");
    }

    /// <summary>A rank is a thread: scopes, gradient mode and the current GPU belong to it.</summary>
    private static void OnThreads(int count, Action<int> body)
    {
        var failures = new ConcurrentQueue<Exception>();
        var threads = Enumerable.Range(0, count).Select(rank => new Thread(
            () =>
            {
                try
                {
                    body(rank);
                }
                catch (Exception e)
                {
                    failures.Enqueue(e);
                }
            },
            16 << 20) { IsBackground = true }).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        foreach (var thread in threads)
        {
            if (!thread.Join(Limit))
            {
                throw new TimeoutException($"A rank did not end within {Limit.TotalMinutes:0} minutes.");
            }
        }

        if (failures.TryDequeue(out var failure))
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    private sealed class Steps : ITrainingObserver
    {
        public List<double> Losses { get; } = [];

        public List<double> Seconds { get; } = [];

        public void StepCompleted(int rank, StepReport report)
        {
            if (rank == 0)
            {
                Losses.Add(report.Loss);
                Seconds.Add(report.Total.TotalSeconds);
            }
        }

        public void PhaseChanged(int rank, WorkerPhase phase, long step)
        {
        }

        public void SnapshotSaved(long imagesSeen, double relativeStd, string fileName, long bytes, string sha256)
        {
        }

        public void CheckpointSaved(long imagesSeen, string name, long bytes, TimeSpan elapsed)
        {
        }

        public void SaveFailed(long imagesSeen, string what, string reason)
        {
        }

        public void StatusLine(long imagesSeen, string json)
        {
        }
    }
}
