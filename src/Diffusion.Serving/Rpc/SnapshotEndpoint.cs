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
        Refusals.Answer(context, () => Task.FromResult(library.Snapshots(request.Run).ToMessage()));

    public override Task<DescribeSnapshotResponse> DescribeSnapshot(DescribeSnapshotRequest request, ServerCallContext context) =>
        Refusals.Answer(context, async () => (await library.DescribeAsync(request.Weights.FromMessage(), context.CancellationToken).ConfigureAwait(false)).ToMessage());

    public override Task StreamWeights(StreamWeightsRequest request, IServerStreamWriter<StreamWeightsResponse> responseStream, ServerCallContext context) =>
        Refusals.Answer(context, async () =>
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
}
