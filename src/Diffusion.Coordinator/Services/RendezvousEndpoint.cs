using Diffusion.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Diffusion.Coordinator.Services;

/// <summary>The rendezvous store over gRPC.</summary>
internal sealed class RendezvousEndpoint(RendezvousStore store) : RendezvousService.RendezvousServiceBase
{
    public override Task<PutResponse> Put(PutRequest request, ServerCallContext context)
    {
        try
        {
            store.Put(request.Generation, request.Key, request.Value.ToByteArray());
            return Task.FromResult(new PutResponse());
        }
        catch (StaleGenerationException e)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, e.Message));
        }
        catch (ArgumentException e)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, e.Message));
        }
    }

    public override async Task<GetResponse> Get(GetRequest request, ServerCallContext context)
    {
        try
        {
            byte[][] values = await store.GetAsync(request.Generation, request.Keys, context.CancellationToken).ConfigureAwait(false);
            var response = new GetResponse();
            if (!request.WaitOnly)
            {
                response.Values.AddRange(values.Select(value => UnsafeByteOperations.UnsafeWrap(value)));
            }

            return response;
        }
        catch (StaleGenerationException e)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, e.Message));
        }
        catch (ArgumentException e)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, e.Message));
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, $"Not all of {string.Join(", ", request.Keys)} were there in time."));
        }
    }
}
