using Diffusion.Data;
using Diffusion.Serving;
using Diffusion.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Diffusion.Coordinator.Services;

/// <summary>Packed images over gRPC.</summary>
internal sealed class DataEndpoint(ServedData data) : DataService.DataServiceBase
{
    public override async Task<DescribeDataResponse> DescribeData(DescribeDataRequest request, ServerCallContext context)
    {
        var (_, contents) = await OpenAsync(context).ConfigureAwait(false);
        return new DescribeDataResponse { Manifest = ByteString.CopyFrom(contents.ToJson()), Digest = contents.Digest };
    }

    public override async Task ReadData(ReadDataRequest request, IServerStreamWriter<ReadDataResponse> responseStream, ServerCallContext context)
    {
        var (directory, contents) = await OpenAsync(context).ConfigureAwait(false);

        // Only the manifest's own names lead to a path.
        var file = contents.Files.FirstOrDefault(file => file.Name == request.FileName)
            ?? throw new RpcException(new Status(StatusCode.NotFound, $"{contents.Name} has no file '{request.FileName}'. Its files are those of its manifest."));
        await FilePieces.SendAsync(
            Path.Combine(directory, file.Name),
            request.Offset,
            file.Bytes,
            (offset, bytes, crc) => responseStream.WriteAsync(new ReadDataResponse { Offset = offset, Data = bytes, Crc32C = crc }, context.CancellationToken),
            context.CancellationToken).ConfigureAwait(false);
    }

    private async Task<(string Directory, PackedContents Contents)> OpenAsync(ServerCallContext context)
    {
        try
        {
            return await data.OpenAsync(context.CancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is DatasetException or IOException or UnauthorizedAccessException)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, e.Message));
        }
    }
}
