using Diffusion.Data;
using Microsoft.Extensions.Logging;

namespace Diffusion.Coordinator.Services;

/// <summary>The packed images that the coordinator hands out; packed when the first worker asks, and once for all.</summary>
/// <param name="path">The images as the configuration names them; may be empty.</param>
/// <param name="cacheDirectory">Where packed images are kept.</param>
internal sealed class ServedData(string path, string cacheDirectory, ILogger<ServedData> logger) : IDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly Lock gate = new();
    private Task<(string Directory, PackedContents Contents)>? opening;

    /// <summary>Where the packed files are, and what they are.</summary>
    /// <exception cref="DatasetException">There are no images here, or they cannot be used. Asked again, they are looked for again.</exception>
    public async Task<(string Directory, PackedContents Contents)> OpenAsync(CancellationToken cancellationToken)
    {
        Task<(string, PackedContents)> open;
        lock (gate)
        {
            open = opening is null or { IsFaulted: true } or { IsCanceled: true } ? opening = Task.Run(Open, stopping.Token) : opening;
        }

        return await open.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => stopping.Cancel();

    private (string, PackedContents) Open()
    {
        if (path.Length == 0)
        {
            throw new DatasetException("The coordinator has no images either (data.path is empty). Start it with --data PATH, or every worker with its own --data PATH.");
        }

        using var dataset = new DatasetCache(cacheDirectory).Open(path, progress: null, stopping.Token);
        var contents = PackedContents.Of(dataset.Directory);
        logger.LogInformation("Workers without images may fetch {Name} here, {Bytes} bytes in {Files} files", contents.Name, contents.Bytes, contents.Files.Count);
        return (dataset.Directory, contents);
    }
}
