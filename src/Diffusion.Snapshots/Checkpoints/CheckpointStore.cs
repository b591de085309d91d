using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Checkpoints;

/// <summary>A checkpoint that was passed over, and why.</summary>
/// <param name="Name">Its directory's name.</param>
/// <param name="Reason">One sentence.</param>
public sealed record SkippedCheckpoint(string Name, string Reason);

/// <summary>What <see cref="CheckpointStore.Latest"/> found.</summary>
/// <param name="Checkpoint">The newest whole one, or null.</param>
/// <param name="Skipped">Newer ones that are damaged, newest first.</param>
public sealed record LatestCheckpoint(Checkpoint? Checkpoint, IReadOnlyList<SkippedCheckpoint> Skipped);

/// <summary>The checkpoints of a run, for reading.</summary>
/// <param name="directory">Directory that holds them; it need not exist yet.</param>
public sealed class CheckpointStore(string directory)
{
    /// <summary>Directory that holds the checkpoints.</summary>
    public string Directory { get; } = directory;

    /// <summary>Image counts of the checkpoints that are there, ascending; whether they are whole is not checked.</summary>
    public IReadOnlyList<long> ImageCounts => !System.IO.Directory.Exists(Directory) ? [] :
    [
        // A replacement that was killed half-way left the old checkpoint under its hidden name; it counts.
        .. System.IO.Directory.EnumerateDirectories(Directory)
            .Select(path => CheckpointName.IsReplaced(path, out string original) ? original : path)
            .Select(path => CheckpointName.TryParse(path, out long images) ? images : -1).Where(images => images >= 0).Distinct().Order(),
    ];

    /// <summary>Where a checkpoint is or would be.</summary>
    /// <param name="directory">Directory that holds the checkpoints.</param>
    /// <param name="imagesSeen">Its image count.</param>
    public static string PathIn(string directory, long imagesSeen) => Path.Combine(directory, CheckpointName.Of(imagesSeen));

    /// <summary>Finds the newest whole checkpoint: every byte of it is read and compared. Damaged ones are passed over, by name.</summary>
    public LatestCheckpoint Latest(CancellationToken cancellationToken = default)
    {
        var skipped = new List<SkippedCheckpoint>();
        foreach (long images in ImageCounts.Reverse())
        {
            try
            {
                var checkpoint = Open(images);
                checkpoint.Verify(cancellationToken);
                return new LatestCheckpoint(checkpoint, skipped);
            }
            catch (IOException failure)
            {
                skipped.Add(new SkippedCheckpoint(CheckpointName.Of(images), failure.Message));
            }
        }

        return new LatestCheckpoint(null, skipped);
    }

    /// <summary>Opens one checkpoint; its manifest is verified, its files are not.</summary>
    /// <exception cref="DamagedFileException">The manifest is missing or damaged.</exception>
    public Checkpoint Open(long imagesSeen)
    {
        string path = Path.Combine(Directory, CheckpointName.Of(imagesSeen));
        string replaced = Path.Combine(Directory, CheckpointName.Replaced(imagesSeen));
        return OpenAt(!System.IO.Directory.Exists(path) && System.IO.Directory.Exists(replaced) ? replaced : path);
    }

    /// <summary>Opens the checkpoint of a directory, whatever the directory's name.</summary>
    internal static Checkpoint OpenAt(string path)
    {
        string manifest = Path.Combine(path, CheckpointManifest.FileName);
        if (!File.Exists(manifest))
        {
            throw new DamagedFileException(path, "it has no manifest, so it is not a whole checkpoint", "Use another checkpoint.");
        }

        return new Checkpoint(path, CheckpointManifest.Parse(manifest, File.ReadAllBytes(manifest)));
    }
}

/// <summary>One checkpoint on the disk.</summary>
public sealed class Checkpoint
{
    private const int ChunkElements = 1 << 20;

    internal Checkpoint(string path, CheckpointManifest manifest)
    {
        Path = path;
        Manifest = manifest;
    }

    /// <summary>Its directory.</summary>
    public string Path { get; }

    /// <summary>Its manifest, already verified.</summary>
    public CheckpointManifest Manifest { get; }

    /// <summary>Names of its arenas in the order they were saved.</summary>
    public IReadOnlyList<string> Arenas => [.. Manifest.Files.Select(file => file.Name)];

    /// <summary>Reads every file and compares it with the manifest, on all cores.</summary>
    /// <exception cref="DamagedFileException">A byte differs.</exception>
    /// <exception cref="FileNotFoundException">A file is gone.</exception>
    public void Verify(CancellationToken cancellationToken = default)
    {
        var failures = new Exception?[Manifest.Files.Count];
        Parallel.For(0, failures.Length, new ParallelOptions { CancellationToken = cancellationToken }, i =>
        {
            try
            {
                using var file = OpenArena(Manifest.Files[i].Name);
                CheckIdentity(file, Manifest.Files[i], file.Verify(cancellationToken).ContentId);
            }
            catch (IOException failure)
            {
                failures[i] = failure;
            }
        });
        if (failures.FirstOrDefault(failure => failure is not null) is { } first)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }
    }

    /// <summary>Reads one arena. Its padding is left as it is.</summary>
    /// <param name="name">One of <see cref="Arenas"/>.</param>
    /// <param name="layout">The layout it was saved with.</param>
    /// <param name="sink">Takes the values, in pieces.</param>
    /// <exception cref="ArgumentException">The layout is another one.</exception>
    /// <exception cref="DamagedFileException">The file is not the one in the manifest.</exception>
    public void Read(string name, ArenaLayout layout, ArenaSink sink)
    {
        var recorded = Manifest.Files.FirstOrDefault(file => file.Name == name)
            ?? throw new ArgumentException($"'{Path}' has no arena '{name}'. It has {string.Join(", ", Arenas)}.", nameof(name));
        string saved = recorded.LayoutDigest ?? Manifest.LayoutDigest;
        if (layout.Digest != saved)
        {
            throw new ArgumentException(
                $"'{Path}' holds {name} in layout {saved[..12]}…, the network has {layout.Digest[..12]}…. Resume with the configuration the run was started with.", nameof(layout));
        }

        using var file = OpenArena(name);
        CheckIdentity(file, recorded, file.RecordedDigest?.ContentId);
        var buffer = new float[ChunkElements];
        foreach (var slot in layout.Slots)
        {
            var entry = file.Entry(slot.Name);
            for (long done = 0; done < slot.Count;)
            {
                var part = buffer.AsSpan(0, (int)Math.Min(ChunkElements, slot.Count - done));
                file.ReadFloat32(entry, done, part);
                sink(slot.Offset + done, part);
                done += part.Length;
            }
        }
    }

    /// <summary>Reads one arena into managed memory.</summary>
    /// <inheritdoc cref="Read(string, ArenaLayout, ArenaSink)"/>
    public void Read(string name, ArenaLayout layout, Memory<float> destination)
        => Read(name, layout, (offset, values) => values.CopyTo(destination.Span[(int)offset..]));

    private SafetensorsFile OpenArena(string name) => SafetensorsFile.Open(System.IO.Path.Combine(Path, name + CheckpointName.FileExtension));

    private static void CheckIdentity(SafetensorsFile file, CheckpointFile recorded, string? contentId)
    {
        if (contentId != recorded.ContentId || file.FileLength != recorded.Bytes)
        {
            throw new DamagedFileException(file.Path, "it is not the file its manifest names", "It belongs to another checkpoint; use an older one.");
        }
    }
}
