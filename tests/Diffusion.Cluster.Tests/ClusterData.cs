using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;

namespace Diffusion.Cluster.Tests;

/// <summary>Images for all cluster tests, drawn and packed once, and the bits of an undisturbed single-worker run on them.</summary>
public sealed class ClusterData : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-cluster-data-").FullName;
    private readonly Dictionary<int, Task<SortedDictionary<string, string>>> undisturbed = [];

    public ClusterData()
    {
        string images = Path.Combine(directory, "images");
        ShapesDataset.Write(images, new ShapesOptions { Count = 100, Resolution = 16 }, CancellationToken.None);
        new DatasetCache(Path.Combine(directory, "packed")).Open(images, null, CancellationToken.None).Dispose();
        Packed = new DatasetCache(Path.Combine(directory, "packed")).PackedPathOf(images);
    }

    private string Packed { get; }

    /// <summary>A run of so many small steps over 4 shards.</summary>
    internal RunConfig Config(int steps) => new RunConfig
    {
        Seed = 1,
        Shards = 4,
        Data = new DataConfig { Path = Packed },
        Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 8), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(8)), ("channelsPerHead", 8), ("dropout", 0.1)),
        Training = new TrainingConfig
        {
            BatchSize = 8, DurationImages = 8 * steps, LearningRate = 0.01, DecayBatches = 100, RampUpImages = 0, StatusImages = 8, SnapshotImages = 0, CheckpointImages = 8 * 40,
        },
    }.Checked();

    /// <summary>The bits of the run of one worker that nothing happens to.</summary>
    internal Task<SortedDictionary<string, string>> Undisturbed(int steps)
    {
        lock (undisturbed)
        {
            return undisturbed.TryGetValue(steps, out var bits) ? bits : undisturbed[steps] = Train(steps);
        }
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private async Task<SortedDictionary<string, string>> Train(int steps)
    {
        using var run = new ClusterRun(Config(steps), workersToStart: 1);
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
