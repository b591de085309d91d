using Diffusion.Coordinator.Run;
using Diffusion.Serving;
using Diffusion.Snapshots.Files;
using Diffusion.V1;
using Grpc.Core;

namespace Diffusion.Coordinator.Services;

/// <summary>The run directory over gRPC. One piece of a file is in memory at a time.</summary>
internal sealed class StorageEndpoint(RunActor actor, RunStorage storage) : StorageService.StorageServiceBase
{
    private const int LongestPiece = 2 << 20;

    public override Task<UploadFileResponse> UploadFile(IAsyncStreamReader<UploadFileRequest> requestStream, ServerCallContext context) => Answer(async () =>
    {
        if (!await requestStream.MoveNext(context.CancellationToken).ConfigureAwait(false) || requestStream.Current.Header is not { } header)
        {
            throw Refusal(StatusCode.InvalidArgument, "An upload begins with a header.");
        }

        RequireMember(header.WorkerId, header.Generation);
        var file = Take(header);
        bool keep = false;
        try
        {
            using var reading = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, file.Stream!.Interrupted);
            await ReceiveAsync(file, requestStream, reading.Token).ConfigureAwait(false);

            // Once more: who was removed while it sent must not put anything beside what its successors write.
            RequireMember(header.WorkerId);
            file.Commit();
            return new UploadFileResponse();
        }
        catch (Exception) when (context.CancellationToken.IsCancellationRequested)
        {
            keep = true;
            throw;
        }
        catch (OperationCanceledException)
        {
            keep = true;
            throw Refusal(StatusCode.Aborted, $"{file.Name} comes in another stream now.");
        }
        catch (SaveFailedException) when (header.PlaceCase == UploadHeader.PlaceOneofCase.Checkpoint)
        {
            storage.Discard(header.WorkerId);
            throw;
        }
        finally
        {
            storage.Arriving.Release(header.WorkerId, file, keep);
        }
    });

    public override Task<FindUploadResponse> FindUpload(FindUploadRequest request, ServerCallContext context) => Answer(async () =>
    {
        var header = request.Header ?? throw Refusal(StatusCode.InvalidArgument, "The upload's header is missing.");
        RequireMember(header.WorkerId, header.Generation);
        return new FindUploadResponse { Bytes = await storage.Arriving.InterruptAsync(header.WorkerId, KeyOf(header), header.Bytes, context.CancellationToken).ConfigureAwait(false) };
    });

    public override Task<PublishCheckpointResponse> PublishCheckpoint(PublishCheckpointRequest request, ServerCallContext context) => Answer(async () =>
    {
        RequireMember(request.WorkerId, request.Generation);
        await Task.Run(() => storage.Publish(request.WorkerId, request.ImagesSeen, context.CancellationToken), context.CancellationToken).ConfigureAwait(false);
        return new PublishCheckpointResponse();
    });

    public override Task<FindSnapshotResponse> FindSnapshot(FindSnapshotRequest request, ServerCallContext context) =>
        Answer(() => Task.FromResult(new FindSnapshotResponse { Found = storage.HasSnapshot(request.Place?.Folder ?? "", request.Place?.FileName ?? "") }));

    public override Task<FindCheckpointResponse> FindCheckpoint(FindCheckpointRequest request, ServerCallContext context) => Answer(async () =>
    {
        var latest = await Task.Run(() => storage.Latest(context.CancellationToken), context.CancellationToken).ConfigureAwait(false);
        var response = new FindCheckpointResponse { ImagesSeen = latest.Checkpoint?.Manifest.ImagesSeen ?? -1 };
        response.Skipped.AddRange(latest.Skipped.Select(skipped => $"{skipped.Name}: {skipped.Reason}"));
        if (latest.Checkpoint is { } checkpoint)
        {
            response.Files.AddRange(RunStorage.FilesOf(checkpoint).Select(file => new StoredFile { FileName = file.Name, Bytes = file.Bytes }));
        }

        return response;
    });

    public override Task<FindInitialWeightsResponse> FindInitialWeights(FindInitialWeightsRequest request, ServerCallContext context) =>
        Answer(() => Task.FromResult(new FindInitialWeightsResponse { Bytes = InitialWeights().Bytes }));

    public override Task DownloadFile(DownloadFileRequest request, IServerStreamWriter<DownloadFileResponse> responseStream, ServerCallContext context) => Answer(async () =>
    {
        var (path, bytes) = request.FileCase switch
        {
            DownloadFileRequest.FileOneofCase.Checkpoint => storage.FileOf(request.Checkpoint.ImagesSeen, request.Checkpoint.FileName),
            DownloadFileRequest.FileOneofCase.InitialWeights => InitialWeights(),
            _ => throw Refusal(StatusCode.InvalidArgument, "A download names a file."),
        };
        await FilePieces.SendAsync(
            path,
            request.Offset,
            bytes,
            (offset, data, crc) => responseStream.WriteAsync(new DownloadFileResponse { Piece = new FilePiece { Offset = offset, Data = data, Crc32C = crc } }, context.CancellationToken),
            context.CancellationToken).ConfigureAwait(false);
        return true;
    });

    private ArrivingFile Take(UploadHeader header)
    {
        if (header.Bytes < 0 || header.Offset < 0 || header.Offset > header.Bytes)
        {
            throw Refusal(StatusCode.InvalidArgument, $"A file of {header.Bytes} bytes that goes on at {header.Offset} does not exist.");
        }

        storage.DiscardAllBut([.. actor.State.Workers.Keys]);
        return storage.Arriving.Take(header.WorkerId, KeyOf(header), header.Bytes, header.Offset, () => Create(header))
            ?? throw Refusal(StatusCode.DataLoss, $"The first {header.Offset} bytes of {KeyOf(header)} are not here; it has to be sent from its beginning.");
    }

    private AtomicFile Create(UploadHeader header) => header.PlaceCase switch
    {
        UploadHeader.PlaceOneofCase.Snapshot => storage.CreateSnapshot(header.Snapshot.Folder, header.Snapshot.FileName, header.Bytes),
        UploadHeader.PlaceOneofCase.Checkpoint => storage.CreateCheckpointFile(header.WorkerId, header.Checkpoint.ImagesSeen, header.Checkpoint.FileName, header.Bytes),
        _ => throw Refusal(StatusCode.InvalidArgument, "An upload's header names a place."),
    };

    /// <summary>What a file is, of all that its sender may send.</summary>
    private static string KeyOf(UploadHeader header) => header.PlaceCase switch
    {
        UploadHeader.PlaceOneofCase.Snapshot => $"snapshot {header.Snapshot.Folder}/{header.Snapshot.FileName}",
        UploadHeader.PlaceOneofCase.Checkpoint => FormattableString.Invariant($"checkpoint {header.Checkpoint.ImagesSeen}/{header.Checkpoint.FileName}"),
        _ => "",
    };

    private static async Task ReceiveAsync(ArrivingFile file, IAsyncStreamReader<UploadFileRequest> parts, CancellationToken cancellationToken)
    {
        var (name, bytes) = (file.Name, file.Bytes);
        while (await parts.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            switch (parts.Current.PartCase)
            {
                case UploadFileRequest.PartOneofCase.Piece:
                    var piece = parts.Current.Piece;
                    if (piece.Offset != file.Length || piece.Data.Length > Math.Min(LongestPiece, bytes - file.Length) || Crc32C.Compute(piece.Data.Span) != piece.Crc32C)
                    {
                        throw Refusal(StatusCode.DataLoss, $"{piece.Data.Length} bytes of {name} at {piece.Offset} arrived damaged or out of place (expected offset {file.Length} of {bytes}).");
                    }

                    file.Append(piece.Data.Span);
                    break;
                case UploadFileRequest.PartOneofCase.Sha256:
                    string found = file.Digest();
                    if (file.Length != bytes || found != parts.Current.Sha256)
                    {
                        throw Refusal(StatusCode.DataLoss, $"{name} arrived with {file.Length} bytes and SHA-256 {found}; it was sent as {bytes} bytes with {parts.Current.Sha256}.");
                    }

                    return;
                default:
                    throw Refusal(StatusCode.InvalidArgument, "An upload has one header, pieces, and a digest.");
            }
        }

        throw Refusal(StatusCode.DataLoss, $"The upload of {name} ended at {file.Length} of {bytes} bytes, without its digest.");
    }

    /// <summary>Only members of the newest generation write: who slept through a change, or was removed, holds an older state.</summary>
    private void RequireMember(string workerId, long? asGeneration = null)
    {
        var state = actor.State;
        if (!state.Workers.TryGetValue(workerId, out var worker))
        {
            throw Refusal(StatusCode.FailedPrecondition, $"Worker {workerId} is no member of this run (any more); its files are not taken.");
        }

        if (state.Generation == 0 || worker.Generation != state.Generation || (asGeneration ?? state.Generation) != state.Generation)
        {
            throw Refusal(
                StatusCode.FailedPrecondition,
                $"{worker.Name} sends files as a member of generation {asGeneration ?? worker.Generation}; generation {state.Generation} is the newest, and only its members' files are taken.");
        }
    }

    private (string Path, long Bytes) InitialWeights() => storage.InitialWeights is { } path && File.Exists(path)
        ? (path, new FileInfo(path).Length)
        : throw Refusal(StatusCode.NotFound, storage.InitialWeights is { } gone ? $"initialization.path {gone} does not exist on the coordinator's machine either." : "The run starts from drawn weights.");

    private static async Task<T> Answer<T>(Func<Task<T>> work)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (ForeignNameException e)
        {
            throw Refusal(StatusCode.InvalidArgument, e.Message);
        }
        catch (DamagedFileException e)
        {
            throw Refusal(StatusCode.DataLoss, e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Refusal(StatusCode.ResourceExhausted, $"On the coordinator's machine: {e.Message}");
        }
    }

    private static RpcException Refusal(StatusCode code, string reason) => new(new Status(code, reason));
}
