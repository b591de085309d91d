using Microsoft.Win32.SafeHandles;

namespace Diffusion.Snapshots.Files;

/// <summary>
/// One file written so that its name shows either the old content or the whole new one, also after kill -9 or a power cut:
/// temporary name in the same directory, fsync, rename, fsync of the directory.
/// </summary>
/// <remarks>
/// Disposing without <see cref="Commit"/> removes the temporary file. One that a killed process left behind is removed by
/// <see cref="RemoveLeftovers"/>; the file is locked while it is written, so a live writer's is left alone.
/// </remarks>
public sealed class AtomicFile : IDisposable
{
    private const string Suffix = ".partial";
    private static int counter;

    private readonly string temporaryPath;
    private readonly SafeFileHandle handle;
    private long length;
    private bool finished;

    private AtomicFile(string path, string temporaryPath, SafeFileHandle handle)
    {
        Path = path;
        this.temporaryPath = temporaryPath;
        this.handle = handle;
    }

    /// <summary>Final name.</summary>
    public string Path { get; }

    /// <summary>Bytes appended so far.</summary>
    public long Length => length;

    /// <summary>Starts writing <paramref name="path"/>.</summary>
    /// <param name="path">Final name; its directory exists.</param>
    /// <param name="expectedLength">Bytes to come, or 0. Compared with the free space, so that a full disk is noticed before the first byte.</param>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public static AtomicFile Create(string path, long expectedLength = 0)
    {
        string full = System.IO.Path.GetFullPath(path);
        string directory = System.IO.Path.GetDirectoryName(full) ?? throw new ArgumentException($"'{path}' names no file in a directory.", nameof(path));
        int number = Interlocked.Increment(ref counter);
        string temporary = System.IO.Path.Combine(directory, $".{System.IO.Path.GetFileName(full)}.{Environment.ProcessId}-{number}{Suffix}");
        return Guard(full, "creating its temporary file", () =>
        {
            RequireSpace(directory, expectedLength);
            return new AtomicFile(full, temporary, File.OpenHandle(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.None));
        });
    }

    /// <summary>Writes a whole small file.</summary>
    /// <param name="path">Final name.</param>
    /// <param name="content">The bytes.</param>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public static void WriteAllBytes(string path, ReadOnlySpan<byte> content)
    {
        using var file = Create(path);
        file.Append(content);
        file.Commit();
    }

    /// <summary>Appends bytes.</summary>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        WriteAt(length, bytes);
        length += bytes.Length;
    }

    /// <summary>Overwrites bytes already appended, for headers that hold a digest of what follows.</summary>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public void WriteAt(long offset, ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(finished, this);
        try
        {
            RandomAccess.Write(handle, bytes, offset);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new SaveFailedException(Path, "writing", failure);
        }
    }

    /// <summary>Makes the content durable and visible under <see cref="Path"/>.</summary>
    /// <exception cref="SaveFailedException">The file system refused; the temporary file is removed.</exception>
    public void Commit()
    {
        ObjectDisposedException.ThrowIf(finished, this);
        Guard(Path, "flushing it to the disk", () => RandomAccess.FlushToDisk(handle));

        // Closed first: readers of the final name must not meet the writer's lock.
        finished = true;
        handle.Dispose();
        try
        {
            Guard(Path, "renaming it into place", () => File.Move(temporaryPath, Path, overwrite: true));
        }
        catch (SaveFailedException)
        {
            Discard();
            throw;
        }

        Guard(Path, "flushing its directory (the file is in place and whole, but a power cut may still undo the rename)",
            () => DirectorySync.Flush(System.IO.Path.GetDirectoryName(Path)!));
    }

    /// <summary>Removes temporary files that killed processes left in <paramref name="directory"/>. Call at start.</summary>
    /// <param name="directory">Directory of files written through this class.</param>
    /// <returns>Names removed, for the log.</returns>
    public static IReadOnlyList<string> RemoveLeftovers(string directory)
    {
        var removed = new List<string>();
        foreach (string path in Directory.EnumerateFiles(directory, ".*" + Suffix))
        {
            if (TryLockAndDelete(path))
            {
                removed.Add(System.IO.Path.GetFileName(path));
            }
        }

        return removed;
    }

    /// <summary>Whether <paramref name="path"/> is a temporary file of this class.</summary>
    internal static bool IsTemporary(string path)
    {
        string name = System.IO.Path.GetFileName(path);
        return name.StartsWith('.') && name.EndsWith(Suffix, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (finished)
        {
            return;
        }

        finished = true;
        handle.Dispose();
        Discard();
    }

    /// <summary>.NET's own preallocation hides the system's error number, by which callers tell a full disk from a broken one.</summary>
    private static void RequireSpace(string directory, long bytes)
    {
        if (bytes > 0 && new DriveInfo(directory).AvailableFreeSpace is var free && free < bytes)
        {
            throw new IOException($"{bytes} bytes are needed and {free} are free.", SaveFailedException.NoSpaceLeft);
        }
    }

    private static bool TryLockAndDelete(string path)
    {
        try
        {
            using var held = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            File.Delete(path);
            return true;
        }
        catch (IOException)
        {
            return false; // A live writer holds the lock, or finished just now.
        }
    }

    private void Discard()
    {
        try
        {
            File.Delete(temporaryPath);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The disk that refused the save may refuse this as well; RemoveLeftovers does it at the next start.
        }
    }

    private static void Guard(string path, string action, Action attempt) => Guard(path, action, () =>
    {
        attempt();
        return true;
    });

    private static T Guard<T>(string path, string action, Func<T> attempt)
    {
        try
        {
            return attempt();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new SaveFailedException(path, action, failure);
        }
    }
}
