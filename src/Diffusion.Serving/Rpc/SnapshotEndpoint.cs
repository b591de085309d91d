using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Library;
using Diffusion.V1;
using Grpc.Core;

namespace Diffusion.Serving;

/// <summary>The library over gRPC.</summary>
internal sealed class SnapshotEndpoint(SnapshotLibrary library, ServingPorts ports) : SnapshotService.SnapshotServiceBase
{
    public override Task<ListRunsResponse> ListRuns(ListRunsRequest request, ServerCallContext context) =>
        Task.FromResult(new ListRunsResponse { Runs = { library.Runs.Select(run => run.ToMessage()) }, HttpPort = ports.Http?.Port ?? 0 });

    public override Task<ListSnapshotsResponse> ListSnapshots(ListSnapshotsRequest request, ServerCallContext context) =>
        Answer(context, () => Task.FromResult(library.Snapshots(request.Run).ToMessage()));

    public override Task<DescribeSnapshotResponse> DescribeSnapshot(DescribeSnapshotRequest request, ServerCallContext context) =>
        Answer(context, async () => (await library.DescribeAsync(request.Weights.FromMessage(), context.CancellationToken).ConfigureAwait(false)).ToMessage());

    public override Task StreamWeights(StreamWeightsRequest request, IServerStreamWriter<StreamWeightsResponse> responseStream, ServerCallContext context) =>
        Answer(context, async () =>
        {
            using var weights = await library.OpenAsync(request.Weights.FromMessage(), context.CancellationToken).ConfigureAwait(false);
            if (request.ExpectedContentId.Length > 0 && request.ExpectedContentId != weights.ContentId)
            {
                throw new RpcException(new Status(StatusCode.FailedPrecondition, $"These weights are now {weights.ContentId}, not {request.ExpectedContentId}. Start again from 0."));
            }

            await responseStream.WriteAsync(new StreamWeightsResponse { Header = Header(weights) }, context.CancellationToken).ConfigureAwait(false);
            await FilePieces.SendAsync(
                weights.File,
                request.Offset,
                (offset, data, crc) => responseStream.WriteAsync(new StreamWeightsResponse { Chunk = new WeightsChunk { Offset = offset, Data = data, Crc32C = crc } }, context.CancellationToken),
                context.CancellationToken).ConfigureAwait(false);
            return true;
        });

    private static WeightsHeader Header(OpenWeights weights) => new()
    {
        Run = weights.Run,
        ImagesSeen = weights.ImagesSeen,
        RelativeStd = weights.RelativeStd,
        Precision = weights.ElementType.ToMessage(),
        Tracked = weights.IsTracked,
        Bytes = weights.Bytes,
        ContentId = weights.ContentId,
    };

    private static async Task<T> Answer<T>(ServerCallContext context, Func<Task<T>> answer)
    {
        try
        {
            return await answer().ConfigureAwait(false);
        }
        catch (Exception) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "The reader left."));
        }
        catch (WeightsRefusedException e)
        {
            throw new RpcException(new Status(e.IsUnknown ? StatusCode.NotFound : StatusCode.InvalidArgument, e.Message));
        }
        catch (DamagedFileException e)
        {
            throw new RpcException(new Status(StatusCode.DataLoss, e.Message));
        }
        catch (SaveFailedException e)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, e.Message));
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The server ends; a client of a coordinator that comes back asks again.
            throw new RpcException(new Status(StatusCode.Unavailable, "The server is shutting down."));
        }
    }
}
