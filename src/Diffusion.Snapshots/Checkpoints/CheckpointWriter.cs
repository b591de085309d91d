using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Checkpoints;

/// <summary>
/// Saves checkpoints. Each is a directory that is filled under a hidden name, every file flushed, the manifest last, and then renamed: what is
/// visible is whole. Older ones are removed only after a newer one is in place.
/// </summary>
public sealed class CheckpointWriter : IDisposable
{
    /// <summary>Most elements asked of an arena at once.</summary>
    public const int ChunkElements = 1 << 20;

    private readonly string directory;
    private readonly CheckpointRetention retention;
    private readonly WriterLock writerLock;
    private long? lastSaved;

    private CheckpointWriter(string directory, CheckpointRetention retention, WriterLock writerLock)
    {
        this.directory = directory;
        this.retention = retention;
        this.writerLock = writerLock;
    }

    /// <summary>Opens a run's checkpoints for writing; what an interrupted save or removal left behind is cleaned up.</summary>
    /// <param name="directory">Directory of the checkpoints, created where it does not exist.</param>
    /// <param name="retention">Which to keep; all when null.</param>
    /// <exception cref="SaveFailedException">Another process writes here, or the file system refused.</exception>
    public static CheckpointWriter Open(string directory, CheckpointRetention? retention = null)
        => Guard(directory, "opening it", () =>
        {
            Directory.CreateDirectory(directory);
            var writer = new CheckpointWriter(directory, retention ?? CheckpointRetention.All, WriterLock.Take(directory));
            try
            {
                writer.CleanUp();
                return writer;
            }
            catch
            {
                writer.Dispose();
                throw;
            }
        });

    /// <summary>Saves a checkpoint; it is on the disk and visible when this returns. One of the same image count is replaced.</summary>
    /// <param name="state">What it is.</param>
    /// <param name="layout">Layout of all arenas that name no other.</param>
    /// <param name="arenas">Parameters, moments, averages.</param>
    /// <param name="cancellationToken">Gives up between pieces; nothing is visible then.</param>
    /// <exception cref="SaveFailedException">The file system refused; earlier checkpoints are untouched and the save may be tried again.</exception>
    public CheckpointManifest Save(CheckpointState state, ArenaLayout layout, IReadOnlyList<CheckpointArena> arenas, CancellationToken cancellationToken = default)
    {
        string writing = Path.Combine(directory, CheckpointName.Writing(state.ImagesSeen));
        return Guard(Path.Combine(directory, CheckpointName.Of(state.ImagesSeen)), "writing the checkpoint", () =>
        {
            RemoveTree(writing);
            Directory.CreateDirectory(writing);
            try
            {
                var files = arenas.Select(arena => SaveArena(writing, state, layout, arena, cancellationToken)).ToList();
                var manifest = WriteManifest(writing, state, layout, files);
                Publish(writing, state.ImagesSeen);
                return manifest;
            }
            catch
            {
                TryRemoveTree(writing); // Frees the space it took, which may be the very reason.
                throw;
            }
        });
    }

    /// <summary>
    /// Takes over a checkpoint that came from somewhere else: every byte is compared with its manifest, then it is published like an own one.
    /// Its files are on the disk already.
    /// </summary>
    /// <param name="received">Directory with its files, on the same file system; it is gone afterwards.</param>
    /// <param name="imagesSeen">The image count its manifest must say.</param>
    /// <param name="cancellationToken">Gives up between pieces; <paramref name="received"/> stays then.</param>
    /// <exception cref="DamagedFileException">It is not whole, or another one.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public CheckpointManifest Adopt(string received, long imagesSeen, CancellationToken cancellationToken = default)
        => Guard(Path.Combine(directory, CheckpointName.Of(imagesSeen)), "taking over the checkpoint", () =>
        {
            var checkpoint = CheckpointStore.OpenAt(received);
            if (checkpoint.Manifest.ImagesSeen != imagesSeen)
            {
                throw new DamagedFileException(received, $"its manifest is that of {checkpoint.Manifest.ImagesSeen} images, not {imagesSeen}", "Send it again.");
            }

            try
            {
                checkpoint.Verify(cancellationToken);
            }
            catch (FileNotFoundException missing)
            {
                throw new DamagedFileException(received, $"{Path.GetFileName(missing.FileName)} is missing", "Send it again.", missing);
            }

            Publish(received, imagesSeen);
            return checkpoint.Manifest;
        });

    /// <summary>Removes checkpoints that retention lets go. The newest whole one is never among them.</summary>
    /// <returns>Image counts removed.</returns>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public IReadOnlyList<long> RemoveExpired()
    {
        var store = new CheckpointStore(directory);
        var expired = retention.Expired(store.ImageCounts);
        if (expired.Count == 0)
        {
            return expired;
        }

        // If what is kept were all damaged, an expired one is the last that can be resumed from. What this writer saved need not be read again.
        long? newestWhole = lastSaved is { } saved && store.ImageCounts.Contains(saved) && !expired.Contains(saved)
            ? saved
            : store.Latest().Checkpoint?.Manifest.ImagesSeen;
        var removed = expired.Where(images => images != newestWhole && newestWhole is not null).ToList();
        foreach (long images in removed)
        {
            Guard(directory, "removing an old checkpoint", () =>
            {
                string hidden = Path.Combine(directory, CheckpointName.Deleting(images));
                RemoveTree(hidden);
                Directory.Move(Path.Combine(directory, CheckpointName.Of(images)), hidden);
                RemoveTree(hidden);
                return true;
            });
        }

        return removed;
    }

    /// <inheritdoc/>
    public void Dispose() => writerLock.Dispose();

    private static CheckpointFile SaveArena(string writing, CheckpointState state, ArenaLayout layout, CheckpointArena arena, CancellationToken cancellationToken)
    {
        if (arena.Name.Length == 0 || arena.Name.StartsWith('.') || !arena.Name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_'))
        {
            throw new ArgumentException($"The arena name '{arena.Name}' becomes a file name: use letters, digits, '.', '-' and '_'.", nameof(arena));
        }

        string path = Path.Combine(writing, arena.Name + CheckpointName.FileExtension);
        var metadata = new Dictionary<string, string> { ["run_id"] = state.RunId, ["arena"] = arena.Name };
        var slots = (arena.Layout ?? layout).Slots;
        var specs = slots.Select(slot => new TensorSpec(slot.Name, ElementType.Float32, slot.Shape)).ToList();
        using var writer = SafetensorsWriter.Create(path, specs, metadata);
        foreach (var slot in slots)
        {
            for (long done = 0; done < slot.Count;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int count = (int)Math.Min(ChunkElements, slot.Count - done);
                writer.WriteFloat32(arena.Source(slot.Offset + done, count));
                done += count;
            }
        }

        var digest = writer.Complete();
        return new CheckpointFile(arena.Name, new FileInfo(path).Length, digest.ContentId, arena.Layout?.Digest);
    }

    private static CheckpointManifest WriteManifest(string writing, CheckpointState state, ArenaLayout layout, IReadOnlyList<CheckpointFile> files)
    {
        string path = Path.Combine(writing, CheckpointManifest.FileName);
        byte[] json = new CheckpointManifest
        {
            RunId = state.RunId,
            ImagesSeen = state.ImagesSeen,
            Steps = state.Steps,
            ConfigDigest = state.ConfigDigest,
            Extra = state.Extra,
            LayoutDigest = layout.Digest,
            Files = files,
        }.ToBytes();
        AtomicFile.WriteAllBytes(path, json);
        return CheckpointManifest.Parse(path, json);
    }

    private void Publish(string writing, long imagesSeen)
    {
        string final = Path.Combine(directory, CheckpointName.Of(imagesSeen));
        string replaced = Path.Combine(directory, CheckpointName.Replaced(imagesSeen));
        bool replaces = Directory.Exists(final);
        if (replaces)
        {
            // Killed between the two renames, CleanUp puts the old one back.
            RemoveTree(replaced);
            Directory.Move(final, replaced);
        }

        try
        {
            Directory.Move(writing, final);
        }
        catch (IOException) when (replaces)
        {
            Directory.Move(replaced, final);
            throw;
        }

        lastSaved = imagesSeen;
        DirectorySync.Flush(directory);
        if (replaces)
        {
            RemoveTree(replaced);
        }
    }

    private void CleanUp()
    {
        foreach (string path in Directory.GetDirectories(directory))
        {
            if (CheckpointName.IsReplaced(path, out string original) && !Directory.Exists(original))
            {
                Directory.Move(path, original);
            }
            else if (original.Length > 0 || CheckpointName.IsWriting(path) || CheckpointName.IsDeleting(path))
            {
                RemoveTree(path);
            }
        }
    }

    private static void RemoveTree(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
    }

    private static void TryRemoveTree(string path)
    {
        try
        {
            RemoveTree(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The failure on its way out matters more; CleanUp removes it at the next start.
        }
    }

    private static T Guard<T>(string path, string action, Func<T> attempt)
    {
        try
        {
            return attempt();
        }
        catch (Exception failure) when (failure is UnauthorizedAccessException or (IOException and not (SaveFailedException or DamagedFileException)))
        {
            throw new SaveFailedException(path, action, failure);
        }
    }
}
