using System.Security.Cryptography;
using Diffusion.Snapshots.Files;

namespace Diffusion.Serving.Evaluations;

/// <summary>Files of a run's evaluations by their SHA-256: what jobs refer to, and statistics of parts. Nothing in here is ever executed.</summary>
public sealed class EvaluationFiles
{
    private readonly string directory;
    private readonly long mostBytes;

    /// <summary>Opens, or creates, the folder.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="mostBytes">Bytes of all files together; more is refused.</param>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public EvaluationFiles(string directory, long mostBytes)
    {
        (this.directory, this.mostBytes) = (directory, mostBytes);
        try
        {
            Directory.CreateDirectory(directory);
            AtomicFile.RemoveLeftovers(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SaveFailedException(directory, "creating the folder of evaluations", e);
        }
    }

    /// <summary>Whether a text is a SHA-256 in lower-case hexadecimal: names of files come from outside.</summary>
    public static bool IsDigest(string text) => text.Length == 2 * SHA256.HashSizeInBytes && text.All(char.IsAsciiHexDigitLower);

    /// <summary>SHA-256 of a file.</summary>
    public static string DigestOf(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>Where a file is, or would be.</summary>
    /// <exception cref="ArgumentException">The digest is none.</exception>
    public string PathOf(string digest) => IsDigest(digest) ? Path.Combine(directory, digest) : throw new ArgumentException($"'{digest}' is no SHA-256 in lower-case hexadecimal.", nameof(digest));

    /// <summary>Whether a file is there.</summary>
    public bool Has(string digest) => IsDigest(digest) && File.Exists(PathOf(digest));

    /// <summary>Whether a file is there as it was stored; a damaged one is removed.</summary>
    public bool Verify(string digest)
    {
        if (!Has(digest))
        {
            return false;
        }

        bool isWhole = DigestOf(PathOf(digest)) == digest;
        if (!isWhole)
        {
            Remove(digest);
        }

        return isWhole;
    }

    /// <summary>Begins a file that arrives; nothing is visible before it is whole.</summary>
    /// <exception cref="SaveFailedException">The limit or the disk has no room.</exception>
    public ArrivingFile Begin(string digest, long bytes)
    {
        long used = new DirectoryInfo(directory).EnumerateFiles().Sum(f => f.Length);
        if (bytes < 0 || used + bytes > mostBytes)
        {
            throw new SaveFailedException(PathOf(digest), "making room", new IOException($"files of evaluations take {used} bytes, {bytes} more would exceed their limit of {mostBytes}. Delete what is not needed from {directory} while nothing is queued"));
        }

        return new ArrivingFile(AtomicFile.Create(PathOf(digest), bytes), digest, bytes);
    }

    /// <summary>Takes bytes that are in memory.</summary>
    /// <returns>Their digest.</returns>
    public string Add(ReadOnlySpan<byte> content)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(content));
        if (!Has(digest))
        {
            using var file = Begin(digest, content.Length);
            file.Append(0, content);
            file.Finish();
        }

        return digest;
    }

    /// <summary>Removes a file that is not needed any more.</summary>
    public void Remove(string digest) => File.Delete(PathOf(digest));
}

/// <summary>A file that arrives in pieces.</summary>
public sealed class ArrivingFile : IDisposable
{
    private readonly AtomicFile file;
    private readonly string digest;
    private readonly long bytes;
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    internal ArrivingFile(AtomicFile file, string digest, long bytes) => (this.file, this.digest, this.bytes) = (file, digest, bytes);

    /// <summary>Bytes that are there.</summary>
    public long Done => file.Length;

    /// <summary>Whether no byte is missing.</summary>
    public bool IsComplete => Done == bytes;

    /// <summary>Takes the next bytes.</summary>
    /// <exception cref="IOException">They are not the next ones, or too many.</exception>
    public void Append(long offset, ReadOnlySpan<byte> data)
    {
        if (offset != Done || data.Length > bytes - Done)
        {
            throw new IOException($"{data.Length} bytes at {offset} are out of place: {Done} of {bytes} are there.");
        }

        hash.AppendData(data);
        file.Append(data);
    }

    /// <summary>Shows the file under its digest.</summary>
    /// <exception cref="IOException">Bytes are missing, or it has another digest.</exception>
    public void Finish()
    {
        string found = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (!IsComplete || found != digest)
        {
            throw new IOException($"{Done} of {bytes} bytes arrived with digest {found[..12]}…, announced was {digest[..12]}….");
        }

        file.Commit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        file.Dispose();
        hash.Dispose();
    }
}
