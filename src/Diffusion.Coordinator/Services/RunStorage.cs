using System.Security.Cryptography;
using System.Text;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Files;
using Microsoft.Extensions.Logging;

namespace Diffusion.Coordinator.Services;

/// <summary>A name from outside that is none of a run's files.</summary>
internal sealed class ForeignNameException(string message) : Exception(message);

/// <summary>
/// The run directory's snapshots and checkpoints on behalf of workers that do not see it. A checkpoint's files gather in a folder of their sender
/// until all are there and verified; then one rename makes them a checkpoint.
/// </summary>
internal sealed class RunStorage : IDisposable
{
    private const string FileExtension = SnapshotName.Extension;
    private const int LongestName = 128;
    private readonly string snapshots;
    private readonly string checkpoints;
    private readonly string arriving;
    private readonly CheckpointRetention retention;
    private readonly ILogger<RunStorage> logger;
    private readonly Lock publishing = new();

    /// <summary>Serves the directory of a coordinator that holds its lock. What was arriving when an earlier one ended is removed.</summary>
    public RunStorage(string runDirectory, CheckpointRetention retention, string? initialWeights, ILogger<RunStorage> logger)
    {
        snapshots = Path.Combine(runDirectory, "snapshots");
        checkpoints = Path.Combine(runDirectory, "checkpoints");
        arriving = Path.Combine(runDirectory, "arriving");
        this.retention = retention;
        this.logger = logger;
        InitialWeights = initialWeights;
        RemoveTree(arriving);
    }

    /// <summary>Files on their way.</summary>
    public ArrivingFiles Arriving { get; } = new();

    /// <summary>The file that the run starts from; null when it starts from drawn weights.</summary>
    public string? InitialWeights { get; }

    /// <summary>Begins a snapshot. Nothing is visible before it is committed.</summary>
    /// <exception cref="ForeignNameException">It is no snapshot's name.</exception>
    /// <exception cref="SaveFailedException">The disk refused, or has not so many bytes free.</exception>
    public AtomicFile CreateSnapshot(string folder, string fileName, long bytes)
    {
        string path = SnapshotPath(folder, fileName);
        return Create(path, bytes);
    }

    /// <inheritdoc cref="SnapshotPath"/>
    public bool HasSnapshot(string folder, string fileName) => File.Exists(SnapshotPath(folder, fileName));

    /// <summary>Begins a file of a checkpoint to come.</summary>
    /// <exception cref="ForeignNameException">It is no name of a checkpoint's file.</exception>
    /// <exception cref="SaveFailedException">The disk refused, or has not so many bytes free.</exception>
    public AtomicFile CreateCheckpointFile(string sender, long imagesSeen, string fileName, long bytes)
    {
        RequireCheckpointFile(imagesSeen, fileName);
        string place = Path.Combine(FolderOf(sender), ArrivingName(imagesSeen));
        if (!Directory.Exists(place))
        {
            // Whatever the sender gave up before makes room.
            Discard(sender);
        }

        return Create(Path.Combine(place, fileName), bytes);
    }

    /// <summary>Removes what a sender has not published: its disk space may be what the next attempt lacks.</summary>
    public void Discard(string sender) => Discard(FolderOf(sender), logger);

    /// <summary>Removes what senders left that are not members of the run any more.</summary>
    public void DiscardAllBut(IReadOnlyCollection<string> senders)
    {
        Arriving.DiscardAllBut(senders);
        if (Directory.Exists(arriving))
        {
            var known = senders.Select(FolderOf).ToHashSet(StringComparer.Ordinal);
            foreach (string stranger in Directory.GetDirectories(arriving).Where(folder => !known.Contains(folder)))
            {
                Discard(stranger, logger);
            }
        }
    }

    /// <summary>Verifies and publishes what a sender uploaded. Older checkpoints expire.</summary>
    /// <exception cref="DamagedFileException">It is not whole.</exception>
    /// <exception cref="SaveFailedException">The disk refused, or a worker that sees the directory is writing.</exception>
    public void Publish(string sender, long imagesSeen, CancellationToken cancellationToken)
    {
        lock (publishing)
        {
            try
            {
                string place = Path.Combine(FolderOf(sender), ArrivingName(imagesSeen));
                if (!Directory.Exists(place) && new CheckpointStore(checkpoints).ImageCounts.Contains(imagesSeen))
                {
                    return; // The answer to an earlier request was lost.
                }

                using var writer = CheckpointWriter.Open(checkpoints, retention);
                writer.Adopt(place, imagesSeen, cancellationToken);
                Discard(sender);
                writer.RemoveExpired();
            }
            catch (SaveFailedException e) when (Latest(cancellationToken).Checkpoint?.Manifest.ImagesSeen >= imagesSeen)
            {
                // A worker that sees the directory writes by now and holds its lock; it was faster, and this one is not needed any more.
                logger.LogInformation("The checkpoint at {ImagesSeen} images came too late and is left out: {Reason}", imagesSeen, e.Message);
                Discard(sender);
            }
            catch (DamagedFileException)
            {
                // Half of it is worth nothing: the next attempt sends everything.
                Discard(sender);
                throw;
            }
        }
    }

    public void Dispose() => Arriving.Dispose();

    /// <summary>The newest whole checkpoint, every byte read and compared.</summary>
    public LatestCheckpoint Latest(CancellationToken cancellationToken) => new CheckpointStore(checkpoints).Latest(cancellationToken);

    /// <summary>Names and sizes of a checkpoint's files, the manifest last.</summary>
    public static IEnumerable<(string Name, long Bytes)> FilesOf(Checkpoint checkpoint) =>
    [
        .. checkpoint.Manifest.Files.Select(file => (file.Name + FileExtension, file.Bytes)),
        (CheckpointManifest.FileName, new FileInfo(Path.Combine(checkpoint.Path, CheckpointManifest.FileName)).Length),
    ];

    /// <summary>Path and size of a file that the checkpoint's manifest names.</summary>
    /// <exception cref="ForeignNameException">It names no such file.</exception>
    /// <exception cref="DamagedFileException">The checkpoint is gone or damaged.</exception>
    public (string Path, long Bytes) FileOf(long imagesSeen, string fileName)
    {
        RequireCheckpointFile(imagesSeen, fileName);
        var checkpoint = new CheckpointStore(checkpoints).Open(imagesSeen);
        var (name, bytes) = FilesOf(checkpoint).FirstOrDefault(file => file.Name == fileName);
        return name is not null ? (Path.Combine(checkpoint.Path, name), bytes) : throw new ForeignNameException($"The checkpoint at {imagesSeen} images has no file '{fileName}'.");
    }

    /// <summary>Where a snapshot is or would be.</summary>
    /// <exception cref="ForeignNameException">It is no snapshot's name.</exception>
    private string SnapshotPath(string folder, string fileName)
    {
        if (folder.Length > 0 && !IsPlain(folder))
        {
            throw new ForeignNameException($"'{folder}' is no folder of snapshots: its name has letters, digits, '.', '-' and '_', and does not begin with '.'.");
        }

        return IsPlain(fileName) && SnapshotName.TryParse(fileName, out _)
            ? Path.Combine(snapshots, folder, fileName)
            : throw new ForeignNameException($"'{fileName}' is no snapshot's name, such as {SnapshotName.For(SnapshotName.Training, 1024, 0.1).FileName}.");
    }

    private static void RequireCheckpointFile(long imagesSeen, string fileName)
    {
        if (imagesSeen < 0 || !IsPlain(fileName) || !(fileName == CheckpointManifest.FileName || fileName.EndsWith(FileExtension, StringComparison.Ordinal)))
        {
            throw new ForeignNameException($"'{fileName}' at {imagesSeen} images is no file of a checkpoint: {CheckpointManifest.FileName} or NAME{FileExtension}, NAME of letters, digits, '.', '-' and '_'.");
        }
    }

    private static bool IsPlain(string name) =>
        name.Length is > 0 and <= LongestName && name[0] != '.' && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_');

    private static string ArrivingName(long imagesSeen) => FormattableString.Invariant($"{imagesSeen:D12}");

    /// <summary>Workers choose their ids; what becomes a folder's name is its digest.</summary>
    private string FolderOf(string sender) => Path.Combine(arriving, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sender)))[..16]);

    private static AtomicFile Create(string path, long bytes)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SaveFailedException(path, "making its folder", e);
        }

        return AtomicFile.Create(path, bytes);
    }

    /// <summary>Leftovers that cannot be removed now are at the next start, when <see cref="RunStorage"/> is made.</summary>
    private static void Discard(string folder, ILogger logger)
    {
        try
        {
            RemoveTree(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning("What arrived of a checkpoint cannot be removed from {Folder}: {Reason}", folder, e.Message);
        }
    }

    private static void RemoveTree(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }
}
