using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Library;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Serving.Tests;

/// <summary>A run of three snapshots of 2.4 MB, more than two chunks, and servers of it.</summary>
public sealed class ServedRuns : IDisposable
{
    private const int Elements = 1_200_000;

    public ServedRuns()
    {
        Directory.CreateDirectory(Snapshots);
        File.WriteAllText(Path.Combine(Root, "tiny", "run.json"), "{\"seed\":1}");
        for (int time = 1; time <= 3; time++)
        {
            foreach (double std in new[] { 0.05, 0.1 })
            {
                var random = new Random(time + (int)(std * 1000));
                new SnapshotWriter(Snapshots).Write(
                    new SnapshotInfo { RunId = "tiny-1", ImagesSeen = time * 1024, RelativeStd = std },
                    [new SnapshotTensor("weight", [1, Elements])],
                    _ => Enumerable.Range(0, Elements).Select(_ => random.NextSingle() * 2 - 1).ToArray());
            }
        }
    }

    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(60);

    public string Root { get; } = Directory.CreateTempSubdirectory("diffusion-serving-").FullName;

    private string Snapshots => Path.Combine(Root, "tiny", "snapshots");

    public string Stored(int thousands, string length) => Path.Combine(Snapshots, $"network-snapshot-{thousands:D7}-{length}.safetensors");

    /// <summary>A directory nobody else uses.</summary>
    public string Fresh() => Directory.CreateDirectory(Path.Combine(Root, Guid.NewGuid().ToString("N"))).FullName;

    public Task<SnapshotServer> StartAsync() => SnapshotServer.StartAsync(Options(), NullLoggerFactory.Instance, CancellationToken.None);

    public SnapshotServerOptions Options() => new() { Runs = [Path.Combine(Root, "tiny")], Library = new SnapshotLibraryOptions { CacheDirectory = Fresh() } };

    public void Dispose() => Directory.Delete(Root, recursive: true);
}

[CollectionDefinition(Name)]
public sealed class ServingTests : ICollectionFixture<ServedRuns>
{
    public const string Name = "serving";
}
