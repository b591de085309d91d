using System.Security.Cryptography;

namespace Diffusion.Data;

/// <summary>Reads a file of a data set that is somewhere else: its bytes from an offset to the end, in order.</summary>
/// <param name="file">The file.</param>
/// <param name="offset">First byte wanted.</param>
/// <param name="sink">Takes the bytes; they are valid during the call.</param>
/// <param name="cancellationToken">Ends reading.</param>
public delegate Task PackedFileReader(PackedFile file, long offset, Action<ReadOnlyMemory<byte>> sink, CancellationToken cancellationToken);

/// <summary>How far fetching is.</summary>
/// <param name="DoneBytes">Bytes here, those of earlier attempts included.</param>
/// <param name="TotalBytes">Bytes in all.</param>
public readonly record struct FetchProgress(long DoneBytes, long TotalBytes);

/// <summary>
/// This box's copy of a data set that is somewhere else, in a directory named by its digest. A file gets its name after its SHA-256 was found right, the
/// manifest comes last: what was not compared is never a data set. What an interrupted fetch left is used by the next.
/// </summary>
public sealed class DatasetReplica
{
    private const int Attempts = 3;
    private const string PartialSuffix = ".partial";
    private readonly PackedContents contents;
    private readonly string directory;
    private readonly PackedFileReader read;
    private readonly IProgress<FetchProgress>? progress;
    private long done;

    private DatasetReplica(string directory, PackedContents contents, PackedFileReader read, IProgress<FetchProgress>? progress)
    {
        this.directory = directory;
        this.contents = contents;
        this.read = read;
        this.progress = progress;
    }

    /// <summary>Opens the copy, fetching first what is not here or is damaged. Every byte is read and compared. Other processes of this box that want the same wait for it.</summary>
    /// <param name="cacheDirectory">Where copies are kept; created at the first use.</param>
    /// <param name="contents">The data set.</param>
    /// <param name="read">Reads its files there.</param>
    /// <param name="progress">Told after every piece.</param>
    /// <param name="cancellationToken">Ends fetching; what is here is kept.</param>
    /// <returns>A data set that the caller disposes.</returns>
    /// <exception cref="DatasetException">The disk has not enough space, or the files there are not those of <paramref name="contents"/>.</exception>
    public static async Task<PackedDataset> OpenAsync(
        string cacheDirectory, PackedContents contents, PackedFileReader read, IProgress<FetchProgress>? progress, CancellationToken cancellationToken)
    {
        string directory = Path.Combine(Path.GetFullPath(cacheDirectory), contents.Digest);
        var replica = new DatasetReplica(directory, contents, read, progress);
        if (replica.OpenWhole(cancellationToken) is { } present)
        {
            return present;
        }

        Directory.CreateDirectory(directory);
        using FileStream lease = await Task.Run(() => CacheLock.Take(directory + ".lock", cancellationToken), cancellationToken).ConfigureAwait(false);
        if (replica.OpenWhole(cancellationToken) is { } fetchedMeanwhile)
        {
            return fetchedMeanwhile;
        }

        await replica.FetchAsync(cancellationToken).ConfigureAwait(false);
        return PackedDataset.Open(directory);
    }

    /// <summary>The copy, if it is whole to the last byte.</summary>
    private PackedDataset? OpenWhole(CancellationToken cancellationToken)
    {
        PackedDataset? dataset = null;
        try
        {
            if (PackedDataset.IsAt(directory) && (dataset = PackedDataset.Open(directory)).Digest == contents.Digest)
            {
                dataset.Verify(null, cancellationToken);
                return dataset;
            }
        }
        catch (DatasetException)
        {
            // Fetching finds the damaged file again and replaces it.
        }
        catch
        {
            dataset?.Dispose();
            throw;
        }

        dataset?.Dispose();
        return null;
    }

    private async Task FetchAsync(CancellationToken cancellationToken)
    {
        File.Delete(Path.Combine(directory, PackedManifest.FileName));
        var missing = new List<PackedFile>();
        foreach (PackedFile file in contents.Files)
        {
            if (await IsWholeAsync(file, cancellationToken).ConfigureAwait(false))
            {
                Advance(file.Bytes);
            }
            else
            {
                missing.Add(file);
            }
        }

        RequireSpace(missing);
        foreach (PackedFile file in missing)
        {
            await FetchAsync(file, cancellationToken).ConfigureAwait(false);
        }

        DurableFile.Write(directory, PackedManifest.FileName, contents.ToJson());
    }

    private async Task<bool> IsWholeAsync(PackedFile file, CancellationToken cancellationToken)
    {
        string path = Path.Combine(directory, file.Name);
        if (!File.Exists(path) || new FileInfo(path).Length != file.Bytes)
        {
            return false;
        }

        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken).ConfigureAwait(false)) == file.Sha256;
    }

    private void RequireSpace(List<PackedFile> missing)
    {
        long needed = missing.Sum(file => file.Bytes - PartialBytes(file));
        long free = new DriveInfo(directory).AvailableFreeSpace;
        if (needed > free)
        {
            throw new DatasetException(FormattableString.Invariant(
                $"Fetching {contents.Name} needs {needed} more bytes in {directory}, where {free} are free. Free space, or choose a cache on another disk with --cache-dir."));
        }
    }

    private async Task FetchAsync(PackedFile file, CancellationToken cancellationToken)
    {
        string partial = Path.Combine(directory, file.Name + PartialSuffix);
        string found = "";
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            long before = done;
            found = await AppendAsync(file, partial, cancellationToken).ConfigureAwait(false);
            if (found == file.Sha256)
            {
                File.Move(partial, Path.Combine(directory, file.Name), overwrite: true);
                DurableFile.SyncDirectory(directory);
                return;
            }

            // What an earlier attempt left may have been cut by a power failure; from the start once more.
            File.Delete(partial);
            done = before;
        }

        throw new DatasetException(
            $"{file.Name} of {contents.Name} was fetched {Attempts} times and has SHA-256 {found}, not {file.Sha256}: the original is damaged. Delete the packed copy on the box it comes from; it is packed anew.");
    }

    /// <summary>Fetches what is missing at the end of the partial file.</summary>
    /// <returns>SHA-256 of the whole.</returns>
    private async Task<string> AppendAsync(PackedFile file, string partial, CancellationToken cancellationToken)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using FileStream stream = new(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        if (stream.Length > file.Bytes)
        {
            stream.SetLength(0);
        }

        byte[] buffer = new byte[1 << 20];
        for (int count; (count = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            sha.AppendData(buffer, 0, count);
        }

        long offset = stream.Length;
        Advance(offset);
        if (offset < file.Bytes)
        {
            await read(file, offset, bytes =>
            {
                if (stream.Position + bytes.Length > file.Bytes)
                {
                    throw new DatasetException($"{file.Name} of {contents.Name} has more than the {file.Bytes} bytes its manifest says. Delete the packed copy on the box it comes from; it is packed anew.");
                }

                stream.Write(bytes.Span);
                sha.AppendData(bytes.Span);
                Advance(bytes.Length);
            }, cancellationToken).ConfigureAwait(false);
        }

        stream.Flush(flushToDisk: true);
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    private long PartialBytes(PackedFile file) => new FileInfo(Path.Combine(directory, file.Name + PartialSuffix)) is { Exists: true } partial ? Math.Min(partial.Length, file.Bytes) : 0;

    private void Advance(long bytes)
    {
        done += bytes;
        progress?.Report(new FetchProgress(done, contents.Bytes));
    }
}
