using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;

// Two at a time, on however many processors: starting a process takes one, waiting none.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]

namespace Diffusion.Cluster.Tests;

/// <summary>Images for all cluster tests, drawn and packed once, and the bits of undisturbed single-worker runs on them, each trained once for all tests that compare with it.</summary>
public sealed class ClusterData : IDisposable
{
    /// <summary>Steps of most runs: two checkpoints, and time enough for what happens to them.</summary>
    internal const int Steps = 40;

    /// <summary>Steps between checkpoints.</summary>
    internal const int CheckpointSteps = 20;

    private static readonly Lock Gate = new();
    private static Shared? present;
    private readonly Shared shared;

    public ClusterData()
    {
        lock (Gate)
        {
            shared = present ??= new Shared();
            shared.Users++;
        }
    }

    /// <summary>A run of so many small steps.</summary>
    internal RunConfig Config(int steps = Steps, int shards = 4, int batchSize = 8) => new RunConfig
    {
        Seed = 1,
        Shards = shards,
        Data = new DataConfig { Path = shared.Packed },
        Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 8), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(8)), ("channelsPerHead", 8), ("dropout", 0.1)),
        Training = new TrainingConfig
        {
            BatchSize = batchSize, DurationImages = batchSize * steps, LearningRate = 0.01, DecayBatches = 100, RampUpImages = 0, StatusImages = batchSize, SnapshotImages = 0, CheckpointImages = batchSize * CheckpointSteps,
        },
    }.Checked();

    /// <summary>The bits of the run of one worker that nothing happens to.</summary>
    internal Task<SortedDictionary<string, string>> Undisturbed(int steps = Steps) => Undisturbed(Config(steps));

    internal Task<SortedDictionary<string, string>> Undisturbed(RunConfig config)
    {
        lock (Gate)
        {
            return shared.References.TryGetValue(config.Digest(), out var bits) ? bits : shared.References[config.Digest()] = Train(config);
        }
    }

    public void Dispose()
    {
        lock (Gate)
        {
            if (--shared.Users == 0)
            {
                Directory.Delete(shared.Place, recursive: true);
                present = null;
            }
        }
    }

    private static async Task<SortedDictionary<string, string>> Train(RunConfig config)
    {
        using var run = new ClusterRun(config, workersToStart: 1);
        await run.StartCoordinator();
        run.StartWorker();
        await run.Finish();
        return run.Bits();
    }

    /// <summary>What all collections of tests use, as long as one of them needs it.</summary>
    private sealed class Shared
    {
        public Shared()
        {
            string images = Path.Combine(Place, "images");
            ShapesDataset.Write(images, new ShapesOptions { Count = 100, Resolution = 16 }, null, CancellationToken.None);
            var cache = new DatasetCache(Path.Combine(Place, "packed"));
            cache.Open(images, null, CancellationToken.None).Dispose();
            Packed = cache.PackedPathOf(images);
        }

        public string Place { get; } = Directory.CreateTempSubdirectory("diffusion-cluster-data-").FullName;

        public string Packed { get; }

        /// <summary>Bits by the digest of the configuration.</summary>
        public Dictionary<string, Task<SortedDictionary<string, string>>> References { get; } = [];

        public int Users { get; set; }
    }
}

/// <summary>Runs that compute most of their time.</summary>
[CollectionDefinition(Name)]
public sealed class ClusterTests : ICollectionFixture<ClusterData>
{
    public const string Name = "cluster";
}

/// <summary>Runs that wait for something most of their time: they go beside the others.</summary>
[CollectionDefinition(Name)]
public sealed class WaitingClusterTests : ICollectionFixture<ClusterData>
{
    public const string Name = "cluster, waiting";
}

/// <summary>Runs whose speed is measured: alone, after all others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MeasuredClusterTests : ICollectionFixture<ClusterData>
{
    public const string Name = "cluster, measured";
}
