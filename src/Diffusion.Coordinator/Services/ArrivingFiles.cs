using Diffusion.Snapshots.Files;

namespace Diffusion.Coordinator.Services;

/// <summary>The files that arrive, or whose streams broke: the last one of each sender, who sends one after the other.</summary>
internal sealed class ArrivingFiles : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, ArrivingFile> files = new(StringComparer.Ordinal);

    /// <summary>Bytes that are here of a file. A stream that still brings it is ended first.</summary>
    public async Task<long> InterruptAsync(string sender, string key, long bytes, CancellationToken cancellationToken)
    {
        ArrivingFile? file;
        lock (gate)
        {
            file = files.GetValueOrDefault(sender);
        }

        if (file is null || !file.Is(key, bytes))
        {
            return 0;
        }

        if (file.Stream is { } standing)
        {
            await standing.InterruptAsync(cancellationToken).ConfigureAwait(false);
        }

        lock (gate)
        {
            return files.GetValueOrDefault(sender) == file ? file.Length : 0;
        }
    }

    /// <summary>Goes on with a file at an offset, or begins it; its sender has given up every other one.</summary>
    /// <returns>The file, in the hands of the caller until <see cref="Release"/>; null when so much of it is not here.</returns>
    public ArrivingFile? Take(string sender, string key, long bytes, long offset, Func<AtomicFile> create)
    {
        lock (gate)
        {
            if (files.TryGetValue(sender, out var present) && present.Stream is null)
            {
                if (offset > 0 && present.Is(key, bytes) && present.Length == offset)
                {
                    present.Stream = new ArrivingStream();
                    return present;
                }

                present.Dispose();
            }

            files.Remove(sender);
            return offset > 0 ? null : files[sender] = new ArrivingFile(key, bytes, create()) { Stream = new ArrivingStream() };
        }
    }

    /// <summary>The stream of a file is over.</summary>
    /// <param name="sender">Who sent it.</param>
    /// <param name="file">The file.</param>
    /// <param name="keep">Whether what is here is whole as far as it goes, so that another stream may go on.</param>
    public void Release(string sender, ArrivingFile file, bool keep)
    {
        lock (gate)
        {
            bool isPresent = files.GetValueOrDefault(sender) == file;
            var stream = file.Stream;
            file.Stream = null;
            if (!keep || !isPresent)
            {
                file.Dispose();
                if (isPresent)
                {
                    files.Remove(sender);
                }
            }

            stream?.Dispose();
        }
    }

    /// <summary>Forgets what senders left who are no members any more.</summary>
    public void DiscardAllBut(IEnumerable<string> senders)
    {
        lock (gate)
        {
            foreach (string stranger in files.Keys.Except(senders, StringComparer.Ordinal).ToArray())
            {
                if (files[stranger].Stream is null)
                {
                    files[stranger].Dispose();
                    files.Remove(stranger);
                }
            }
        }
    }

    public void Dispose() => DiscardAllBut([]);
}
