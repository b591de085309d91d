using System.Collections.Concurrent;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Library;

/// <summary>Reads each file whole once, to compare it with its digest, and again when it changed.</summary>
internal sealed class VerifiedFiles : IDisposable
{
    private readonly ConcurrentDictionary<string, Stamp> verified = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim turn = new(1);

    /// <summary>Makes sure that a file is what its header says.</summary>
    /// <returns>Its digest.</returns>
    /// <exception cref="DamagedFileException">It is not.</exception>
    public async Task<string> EnsureAsync(string path, CancellationToken cancellationToken)
    {
        if (Known(path) is { } known)
        {
            return known;
        }

        // One at a time: whoever comes second finds the work done.
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return Known(path) ?? await Task.Run(() => Verify(path, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Takes a file's word for it: this process has just written it.</summary>
    public void Trust(string path, string contentId) => verified[path] = Stamp.Of(path, contentId);

    public void Dispose() => turn.Dispose();

    private string? Known(string path) => verified.TryGetValue(path, out var stamp) && stamp == Stamp.Of(path, stamp.ContentId) ? stamp.ContentId : null;

    private string Verify(string path, CancellationToken cancellationToken)
    {
        // The stamp comes first: a file that changes while it is read is read again.
        var before = Stamp.Of(path, "");
        using var file = SafetensorsFile.Open(path);
        string contentId = file.Verify(cancellationToken).ContentId;
        verified[path] = before with { ContentId = contentId };
        return contentId;
    }

    private sealed record Stamp(long Bytes, DateTime Modified, string ContentId)
    {
        public static Stamp Of(string path, string contentId)
        {
            var file = new FileInfo(path);
            return file.Exists ? new Stamp(file.Length, file.LastWriteTimeUtc, contentId) : new Stamp(-1, default, contentId);
        }
    }
}
