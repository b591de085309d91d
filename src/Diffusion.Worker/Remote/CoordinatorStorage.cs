using System.Runtime.CompilerServices;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.V1;
using Diffusion.Worker.Session;
using Diffusion.Worker.Training;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Remote;

/// <summary>The run's directory behind the coordinator's storage service.</summary>
internal sealed class CoordinatorStorage : IRunStorage, IDisposable
{
    /// <summary>Attempts in one go; after them the save is said to have failed, and the queue tries again later.</summary>
    private const int Attempts = 4;

    private readonly Func<CoordinatorChannel> dial;
    private readonly Membership membership;
    private readonly Staging staging;
    private readonly WorkerTimeouts timeouts;
    private readonly TimeProvider time;
    private readonly ILogger logger;

    public CoordinatorStorage(Func<CoordinatorChannel> dial, Membership membership, Staging staging, string rescueDirectory, WorkerTimeouts timeouts, TimeProvider time, ILogger logger)
    {
        RescueDirectory = rescueDirectory;
        this.dial = dial;
        this.membership = membership;
        this.staging = staging;
        this.timeouts = timeouts;
        this.time = time;
        this.logger = logger;
    }

    public string StagingDirectory => staging.Path;

    public string RescueDirectory { get; }

    public bool HasSnapshot(string folder, string fileName) => Wait(TryAsync($"asking for {fileName}", async (client, _, token) =>
        (await client.FindSnapshotAsync(new FindSnapshotRequest { Place = new SnapshotPlace { Folder = folder, FileName = fileName } }, deadline: Deadline, cancellationToken: token).ConfigureAwait(false)).Found));

    public void SendSnapshot(string folder, string path) => Wait(TryAsync($"sending {Path.GetFileName(path)}", (client, member, token) =>
        SendAsync(client, member, new UploadHeader { Snapshot = new SnapshotPlace { Folder = folder, FileName = Path.GetFileName(path) } }, path, token)));

    public void SendCheckpoint(string directory, long imagesSeen)
    {
        // The manifest last, as on a disk; what is missing when a checkpoint is published makes the whole be sent again.
        foreach (string path in Directory.GetFiles(directory).OrderBy(path => Path.GetFileName(path) == CheckpointManifest.FileName).ThenBy(path => path, StringComparer.Ordinal))
        {
            string name = Path.GetFileName(path);
            Wait(TryAsync($"sending {name} of the checkpoint at {imagesSeen} images", (client, member, token) =>
                SendAsync(client, member, new UploadHeader { Checkpoint = new CheckpointPlace { ImagesSeen = imagesSeen, FileName = name } }, path, token)));
        }

        // No deadline: verifying takes what the coordinator's disk takes.
        Wait(TryAsync($"publishing the checkpoint at {imagesSeen} images", async (client, member, token) => await client.PublishCheckpointAsync(
            new PublishCheckpointRequest { WorkerId = member.WorkerId, Generation = member.Generation, ImagesSeen = imagesSeen }, cancellationToken: token).ConfigureAwait(false)));
    }

    public bool FetchNewestCheckpoint(string directory, CancellationToken cancellationToken) => Wait(FetchNewestCheckpointAsync(directory, cancellationToken));

    public string? FetchInitialWeights(CancellationToken cancellationToken) => Wait(FetchInitialWeightsAsync(cancellationToken));

    public void Dispose() => staging.Dispose();

    private DateTime Deadline => (time.GetUtcNow() + timeouts.Call).UtcDateTime;

    private async Task<bool> SendAsync(StorageService.StorageServiceClient client, Membership.Place member, UploadHeader header, string path, CancellationToken cancellationToken)
    {
        header.WorkerId = member.WorkerId;
        header.Generation = member.Generation;
        await FileUpload.SendAsync(client, header, path, Deadline, cancellationToken).ConfigureAwait(false);
        return true;
    }

    private async Task<bool> FetchNewestCheckpointAsync(string directory, CancellationToken cancellationToken)
    {
        var found = await TryAsync(
            "asking for the newest checkpoint",
            async (client, _, token) => await client.FindCheckpointAsync(new FindCheckpointRequest(), cancellationToken: token).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
        foreach (string skipped in found.Skipped)
        {
            logger.LogWarning("On the coordinator's disk a checkpoint is damaged and passed over: {Skipped}", skipped);
        }

        if (found.ImagesSeen < 0)
        {
            return false;
        }

        string place = CheckpointStore.PathIn(directory, found.ImagesSeen);
        Directory.CreateDirectory(place);
        logger.LogInformation("Fetching the checkpoint at {ImagesSeen} images from the coordinator, {Bytes} bytes", found.ImagesSeen, found.Files.Sum(file => file.Bytes));
        foreach (var file in found.Files)
        {
            if (file.FileName != Path.GetFileName(file.FileName) || file.FileName.StartsWith('.'))
            {
                throw new IOException($"The coordinator names '{file.FileName}' as a checkpoint's file, which is not a plain file name. Use the same version of the program on all boxes.");
            }

            var request = new DownloadFileRequest { Checkpoint = new CheckpointPlace { ImagesSeen = found.ImagesSeen, FileName = file.FileName } };
            await DownloadAsync(request, file.Bytes, Path.Combine(place, file.FileName), cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    private async Task<string?> FetchInitialWeightsAsync(CancellationToken cancellationToken)
    {
        long bytes = await TryAsync("asking for the starting weights", async (client, _, token) =>
        {
            try
            {
                return (await client.FindInitialWeightsAsync(new FindInitialWeightsRequest(), deadline: Deadline, cancellationToken: token).ConfigureAwait(false)).Bytes;
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.NotFound)
            {
                return -1;
            }
        }, cancellationToken).ConfigureAwait(false);
        if (bytes < 0)
        {
            return null;
        }

        string path = Path.Combine(StagingDirectory, "initial.safetensors");
        await DownloadAsync(new DownloadFileRequest { InitialWeights = new InitialWeightsPlace() }, bytes, path, cancellationToken).ConfigureAwait(false);
        return path;
    }

    private async Task DownloadAsync(DownloadFileRequest request, long bytes, string path, CancellationToken cancellationToken)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None);
            await new FileDownload(timeouts, time, logger).ReadAsync(
                Path.GetFileName(path), 0, bytes, (offset, token) => PiecesAsync(request, offset, token), data => file.Write(data.Span), cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException e)
        {
            throw new IOException($"Fetching {Path.GetFileName(path)} from the coordinator failed: {e.Status.Detail}", e);
        }
    }

    private async IAsyncEnumerable<FilePiece> PiecesAsync(DownloadFileRequest request, long offset, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var channel = dial();
        var from = request.Clone();
        from.Offset = offset;
        using var call = channel.Storage.DownloadFile(from, cancellationToken: cancellationToken);
        while (await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            var piece = call.ResponseStream.Current.Piece;
            yield return new FilePiece(piece.Offset, piece.Data.Memory, piece.Crc32C);
        }
    }

    /// <summary>Calls the service; broken streams, damaged pieces and a generation that has just changed are tried again at once, a few times.</summary>
    /// <exception cref="IOException">It did not succeed; the message says why.</exception>
    private async Task<T> TryAsync<T>(string what, Func<StorageService.StorageServiceClient, Membership.Place, CancellationToken, Task<T>> call, CancellationToken cancellationToken = default)
    {
        var redial = new Redial(timeouts, time);
        for (int attempt = 1; ; attempt++)
        {
            var member = membership.Present;
            try
            {
                using var channel = dial();
                return await call(channel.Storage, member, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (RpcException e) when (attempt < Attempts && IsPassing(e))
            {
                logger.LogDebug("{What} is tried again: {Reason}", what, e.Status.Detail);
                await redial.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (RpcException e)
            {
                throw new IOException(CoordinatorChannel.IsUnreachable(e) ? $"The coordinator cannot be reached ({what}: {e.Status.Detail})." : e.Status.Detail, e);
            }
        }
    }

    /// <summary>A generation that has just changed is among it: this worker hears of its place in the next one in a moment.</summary>
    private static bool IsPassing(RpcException e) => CoordinatorChannel.IsUnreachable(e) || e.StatusCode is StatusCode.DataLoss or StatusCode.Aborted or StatusCode.FailedPrecondition;

    /// <summary>The caller's thread is the rank's or the saver's own, with nothing else to do.</summary>
    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();
}
