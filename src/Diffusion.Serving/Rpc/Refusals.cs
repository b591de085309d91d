using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Library;
using Grpc.Core;

namespace Diffusion.Serving;

/// <summary>What is refused, as status codes; the message says why.</summary>
internal static class Refusals
{
    public static async Task<T> Answer<T>(ServerCallContext context, Func<Task<T>> answer)
    {
        try
        {
            return await answer().ConfigureAwait(false);
        }
        catch (Exception) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "The caller left."));
        }
        catch (WeightsRefusedException e)
        {
            throw new RpcException(new Status(e.IsUnknown ? StatusCode.NotFound : StatusCode.InvalidArgument, e.Message));
        }
        catch (EvaluationRefusedException e)
        {
            throw new RpcException(new Status(e.IsInvalid ? StatusCode.InvalidArgument : StatusCode.FailedPrecondition, e.Message));
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
