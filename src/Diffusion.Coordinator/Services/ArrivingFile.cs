using System.Security.Cryptography;
using Diffusion.Snapshots.Files;

namespace Diffusion.Coordinator.Services;

/// <summary>One file on its way from a worker. It outlives the stream that brings it, so that a broken one is taken up where it stopped.</summary>
/// <param name="key">What it is, of all that its sender may send.</param>
/// <param name="bytes">Size of the whole.</param>
/// <param name="file">Where it is written; not visible before <see cref="Commit"/>.</param>
internal sealed class ArrivingFile(string key, long bytes, AtomicFile file) : IDisposable
{
    private readonly IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public string Name => Path.GetFileName(file.Path);

    public long Bytes => bytes;

    public long Length => file.Length;

    /// <summary>The stream that brings it now; null between streams.</summary>
    public ArrivingStream? Stream { get; set; }

    public bool Is(string otherKey, long otherBytes) => key == otherKey && bytes == otherBytes;

    public void Append(ReadOnlySpan<byte> piece)
    {
        file.Append(piece);
        sha.AppendData(piece);
    }

    /// <summary>SHA-256 of what has arrived, in lower-case hexadecimal.</summary>
    public string Digest() => Convert.ToHexStringLower(sha.GetCurrentHash());

    public void Commit() => file.Commit();

    public void Dispose()
    {
        file.Dispose();
        sha.Dispose();
    }
}

/// <summary>A stream that brings a file, for as long as it does.</summary>
internal sealed class ArrivingStream : IDisposable
{
    private readonly CancellationTokenSource interruption = new();
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Cancelled when the sender wants to go on in another stream.</summary>
    public CancellationToken Interrupted => interruption.Token;

    /// <summary>The stream is over.</summary>
    public void Dispose()
    {
        ended.TrySetResult();
        interruption.Dispose();
    }

    public async Task InterruptAsync(CancellationToken cancellationToken)
    {
        try
        {
            await interruption.CancelAsync().ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // It was over already.
        }

        await ended.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
