using System.Threading.Channels;
using Grpc.Core;
using Grpc.Health.V1;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.HealthCheck;

/// <summary>grpc.health.v1 with statuses set by the application. The empty name is the server as a whole.</summary>
public class HealthServiceImpl : Grpc.Health.V1.Health.HealthBase
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, ServingStatus> statuses = [];
    private readonly HashSet<(string Service, ChannelWriter<ServingStatus> Changes)> watchers = [];

    /// <summary>Sets the status of a service and tells its watchers when that is a change.</summary>
    public void SetStatus(string service, ServingStatus status)
    {
        lock (gate)
        {
            if (statuses.TryGetValue(service, out var previous) && previous == status)
            {
                return;
            }

            statuses[service] = status;
            Notify_NeedsLock(service, status);
        }
    }

    /// <summary>Forgets a service; its watchers see SERVICE_UNKNOWN.</summary>
    public void ClearStatus(string service)
    {
        lock (gate)
        {
            if (statuses.Remove(service))
            {
                Notify_NeedsLock(service, ServingStatus.ServiceUnknown);
            }
        }
    }

    /// <summary>Forgets every service.</summary>
    public void ClearAll()
    {
        lock (gate)
        {
            foreach (var service in statuses.Keys)
            {
                Notify_NeedsLock(service, ServingStatus.ServiceUnknown);
            }

            statuses.Clear();
        }
    }

    /// <inheritdoc/>
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        lock (gate)
        {
            return statuses.TryGetValue(request.Service, out var status)
                ? Task.FromResult(new HealthCheckResponse { Status = status })
                : throw new RpcException(new Status(StatusCode.NotFound, $"No health is known of service '{request.Service}'."));
        }
    }

    /// <inheritdoc/>
    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        // A slow watcher needs the latest status only.
        var changes = Channel.CreateBounded<ServingStatus>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
        var watcher = (request.Service, changes.Writer);
        lock (gate)
        {
            watchers.Add(watcher);
            changes.Writer.TryWrite(statuses.TryGetValue(request.Service, out var status) ? status : ServingStatus.ServiceUnknown);
        }

        try
        {
            await foreach (var status in changes.Reader.ReadAllAsync(context.CancellationToken).ConfigureAwait(false))
            {
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status }).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "The watcher left."));
        }
        finally
        {
            lock (gate)
            {
                watchers.Remove(watcher);
            }
        }
    }

    /// <summary>Tells every watcher NOT_SERVING and ends its watch well; called when the server stops.</summary>
    internal void CompleteWatches()
    {
        lock (gate)
        {
            foreach (var (_, changes) in watchers)
            {
                changes.TryWrite(ServingStatus.NotServing);
                changes.TryComplete();
            }
        }
    }

    private void Notify_NeedsLock(string service, ServingStatus status)
    {
        foreach (var (watched, changes) in watchers)
        {
            if (watched == service)
            {
                changes.TryWrite(status);
            }
        }
    }
}
