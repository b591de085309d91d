using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Worker.Tests.Training;

/// <summary>A run small enough to train in a second, with ranks as threads of this process.</summary>
internal sealed class TinyRun : IDisposable
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    public TinyRun(int steps = 6)
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("diffusion-training-").FullName;
        string images = Path.Combine(Directory, "images");
        ShapesDataset.Write(images, new ShapesOptions { Count = 60, Resolution = 16 }, null, CancellationToken.None);
        Data = new DatasetCache(Path.Combine(Directory, "packed")).Open(images, null, CancellationToken.None);
        Config = new RunConfig
        {
            Seed = 3,
            Shards = 4,
            Data = new DataConfig { HeldOut = 10 },
            Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 8), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(8)), ("channelsPerHead", 8), ("dropout", 0.1)),
            Training = new TrainingConfig
            {
                BatchSize = 8, DurationImages = 8 * steps, LearningRate = 0.01, DecayBatches = 100, RampUpImages = 0,
                StatusImages = 8, SnapshotImages = 0, CheckpointImages = 8 * steps,
            },
        };
        Assert.Empty(Config.Problems());
    }

    public string Directory { get; }

    public PackedDataset Data { get; }

    public RunConfig Config { get; set; }

    public string RunDirectory => Path.Combine(Directory, "run");

    public RankTrainer Trainer(ITrainingObserver? observer = null, string? runDirectory = null) => new(new RankTrainerOptions
    {
        Config = Config, RunId = "tiny", RunDirectory = runDirectory, Data = Data,
        Observer = observer ?? new RecordingObserver(), Loggers = NullLoggerFactory.Instance,
    });

    /// <summary>Trains all ranks through one generation, each on its own thread.</summary>
    public static GenerationResult[] Generation(IReadOnlyList<RankTrainer> trainers, ShardPlan plan, long number = 1, bool writes = false, IReadOnlyList<IPeerTransport>? transports = null)
    {
        transports ??= LocalTransport.CreateGroup(trainers.Count);
        return OnThreads(trainers.Count, rank => trainers[rank].Run(
            new GenerationRequest
            {
                Number = number, Rank = rank, RankCount = trainers.Count, Shards = plan, Connect = _ => transports[rank],
                CollectiveTimeout = Bound, Writes = writes && rank == 0,
            },
            CancellationToken.None));
    }

    /// <summary>Runs a body per rank on threads of their own and returns the results; the first exception is thrown here.</summary>
    public static T[] OnThreads<T>(int count, Func<int, T> body)
    {
        var results = new T[count];
        var failures = new ConcurrentQueue<Exception>();
        var threads = Enumerable.Range(0, count).Select(rank => new Thread(
            () =>
            {
                try
                {
                    results[rank] = body(rank);
                }
                catch (Exception e)
                {
                    failures.Enqueue(e);
                }
            },
            16 << 20)).ToArray();
        Array.ForEach(threads, t => t.Start());
        Assert.All(threads, t => Assert.True(t.Join(Bound), "A rank did not end in time."));
        if (failures.TryDequeue(out var failure))
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return results;
    }

    public void Dispose()
    {
        Data.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}

/// <summary>Keeps what it hears; <see cref="OnStep"/> runs on the rank's thread.</summary>
internal sealed class RecordingObserver : ITrainingObserver
{
    public ConcurrentQueue<StepReport> Steps { get; } = [];

    public ConcurrentQueue<string> Saved { get; } = [];

    public ConcurrentQueue<string> Failures { get; } = [];

    public ConcurrentQueue<string> Lines { get; } = [];

    public Action<StepReport>? OnStep { get; init; }

    public Action<WorkerPhase, long>? OnPhase { get; init; }

    public void PhaseChanged(int rank, WorkerPhase phase, long step) => OnPhase?.Invoke(phase, step);

    public void StepCompleted(int rank, StepReport report)
    {
        Steps.Enqueue(report);
        OnStep?.Invoke(report);
    }

    public void SnapshotSaved(long imagesSeen, double relativeStd, string fileName, long bytes, string sha256) => Saved.Enqueue(fileName);

    public void CheckpointSaved(long imagesSeen, string name, long bytes, TimeSpan elapsed) => Saved.Enqueue(name);

    public void SaveFailed(long imagesSeen, string what, string reason) => Failures.Enqueue($"{what}: {reason}");

    public void StatusLine(long imagesSeen, string json) => Lines.Enqueue(json);
}
