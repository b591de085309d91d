using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;

namespace Diffusion.Cluster.Tests;

/// <summary>Images for all cluster tests, drawn and packed once, and the bits of an undisturbed single-worker run on them.</summary>
public sealed class ClusterData : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-cluster-data-").FullName;
    private readonly Dictionary<string, Task<SortedDictionary<string, string>>> undisturbed = [];

    public ClusterData()
    {
        string images = Path.Combine(directory, "images");
        ShapesDataset.Write(images, new ShapesOptions { Count = 100, Resolution = 16 }, null, CancellationToken.None);
        new DatasetCache(Path.Combine(directory, "packed")).Open(images, null, CancellationToken.None).Dispose();
        Packed = new DatasetCache(Path.Combine(directory, "packed")).PackedPathOf(images);
    }

    private string Packed { get; }

    /// <summary>A run of so many small steps.</summary>
    internal RunConfig Config(int steps, int shards = 4, int batchSize = 8) => new RunConfig
    {
        Seed = 1,
        Shards = shards,
        Data = new DataConfig { Path = Packed },
        Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 8), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(8)), ("channelsPerHead", 8), ("dropout", 0.1)),
        Training = new TrainingConfig
        {
            BatchSize = batchSize, DurationImages = batchSize * steps, LearningRate = 0.01, DecayBatches = 100, RampUpImages = 0, StatusImages = batchSize, SnapshotImages = 0, CheckpointImages = batchSize * 40,
        },
    }.Checked();

    /// <summary>The bits of the run of one worker that nothing happens to.</summary>
    internal Task<SortedDictionary<string, string>> Undisturbed(int steps) => Undisturbed(Config(steps));

    internal Task<SortedDictionary<string, string>> Undisturbed(RunConfig config)
    {
        lock (undisturbed)
        {
            return undisturbed.TryGetValue(config.Digest(), out var bits) ? bits : undisturbed[config.Digest()] = Train(config);
        }
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private static async Task<SortedDictionary<string, string>> Train(RunConfig config)
    {
        using var run = new ClusterRun(config, workersToStart: 1);
        await run.StartCoordinator();
        run.StartWorker();
        await run.Finish();
        return run.Bits();
    }
}

[CollectionDefinition(Name)]
public sealed class ClusterTests : ICollectionFixture<ClusterData>
{
    public const string Name = "cluster";
}
