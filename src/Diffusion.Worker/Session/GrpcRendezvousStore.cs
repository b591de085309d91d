using Diffusion.Native.Collectives;
using Diffusion.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Diffusion.Worker.Session;

/// <summary>The coordinator's store, seen by the ranks of one generation. Blocks the rank's own thread.</summary>
internal sealed class GrpcRendezvousStore(RendezvousService.RendezvousServiceClient client, long generation, TimeSpan callTimeout) : IRendezvousStore
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public void Set(string key, ReadOnlySpan<byte> value)
    {
        var request = new PutRequest { Generation = generation, Key = key, Value = ByteString.CopyFrom(value) };
        Retry($"publish \"{key}\"", options => client.Put(request, options), callTimeout, CancellationToken.None);
    }

    public byte[] Get(string key, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var request = new GetRequest { Generation = generation, Keys = { key } };
        var response = Retry($"find \"{key}\"", options => client.Get(request, options), timeout, cancellationToken);
        return response.Values is [var value] ? value.ToByteArray() : throw new CollectiveException(CollectiveFailure.PeerLost, $"The coordinator answered {response.Values.Count} values for \"{key}\".");
    }

    /// <summary>A coordinator that restarts meanwhile is waited for; its generation being over is final.</summary>
    private T Retry<T>(string what, Func<CallOptions, T> call, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long start = TimeProvider.System.GetTimestamp();
        var deadline = TimeProvider.System.GetUtcNow() + timeout;
        while (true)
        {
            try
            {
                return call(new CallOptions(deadline: deadline.UtcDateTime, cancellationToken: cancellationToken));
            }
            catch (Exception) when (cancellationToken.IsCancellationRequested)
            {
                // Whatever the call threw, this is what it means.
                throw new OperationCanceledException(cancellationToken);
            }
            catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
            {
                throw new CollectiveException(CollectiveFailure.Aborted, e.Status.Detail, inner: e);
            }
            catch (Exception e) when (TimeProvider.System.GetElapsedTime(start) >= timeout)
            {
                throw new TimeoutException($"Could not {what} in generation {generation} within {timeout.TotalSeconds:0.###} s.", e);
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Internal or StatusCode.Unknown)
            {
                cancellationToken.WaitHandle.WaitOne(Pause);
            }
        }
    }
}
