using Diffusion.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Diffusion.Worker.Session;

/// <summary>One connection to the coordinator. A new one is made for every redial, so that no back-off of a library stands between a worker and its run.</summary>
internal sealed class CoordinatorChannel : IDisposable
{
    private readonly GrpcChannel channel;

    public CoordinatorChannel(CoordinatorAddress address)
    {
        // Pings find a coordinator whose box is gone; a killed process closes its sockets by itself.
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = address.Timeouts.Connect,
            KeepAlivePingDelay = address.Timeouts.PingDelay,
            KeepAlivePingTimeout = address.Timeouts.PingTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            UseProxy = false,
        };
        channel = GrpcChannel.ForAddress(address.Uri, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true });
        Coordinator = new CoordinatorService.CoordinatorServiceClient(channel);
        Rendezvous = new RendezvousService.RendezvousServiceClient(channel);
        Run = new RunService.RunServiceClient(channel);
        Data = new DataService.DataServiceClient(channel);
        Storage = new StorageService.StorageServiceClient(channel);
    }

    public CoordinatorService.CoordinatorServiceClient Coordinator { get; }

    public RendezvousService.RendezvousServiceClient Rendezvous { get; }

    public RunService.RunServiceClient Run { get; }

    public DataService.DataServiceClient Data { get; }

    public StorageService.StorageServiceClient Storage { get; }

    /// <summary>Whether a call failed because nobody answers, rather than because the answer was no.</summary>
    public static bool IsUnreachable(Exception e) => e is not RpcException rpc
        || rpc.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Internal or StatusCode.Unknown;

    public void Dispose() => channel.Dispose();
}
