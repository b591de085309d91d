using System.Threading.Channels;
using Diffusion.Coordinator.Run;
using Diffusion.V1;
using Grpc.Core;

namespace Diffusion.Coordinator.Services;

/// <summary>Membership over gRPC: Join and the session streams.</summary>
internal sealed class SessionEndpoint(RunActor actor, SessionRegistry registry, RunIdentity identity) : CoordinatorService.CoordinatorServiceBase
{
    /// <summary>Metadata that every session answers with: a worker refuses a coordinator older than the one it knows.</summary>
    public const string EpochHeader = "coordinator-epoch";

    /// <summary>Metadata with the run's id: the port may belong to another run by now.</summary>
    public const string RunHeader = "run-id";

    public override async Task<JoinResponse> Join(JoinRequest request, ServerCallContext context)
    {
        if (request.WorkerId.Length is 0 or > 128)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"worker_id has {request.WorkerId.Length} characters; 1 to 128 are needed."));
        }

        string observed = PeerAddress(context);
        bool sees = identity.Token.Length > 0 && request.RunDirectoryToken == identity.Token;
        var join = WireMessages.ToEvent(request, request.DataAddress.Length > 0 ? request.DataAddress : observed, sees);
        ThrowIfRefused(await actor.AskAsync(join, context.CancellationToken).ConfigureAwait(false));
        var timeouts = actor.State.Settings.Timeouts;
        return new JoinResponse
        {
            RunId = identity.RunId,
            ConfigJson = identity.ConfigJson,
            RunDirectory = identity.RunDirectory,
            ObservedAddress = observed,
            HeartbeatSeconds = timeouts.Heartbeat.TotalSeconds,
            LeaseSeconds = timeouts.Lease.TotalSeconds,
            CollectiveTimeoutSeconds = timeouts.Collective.TotalSeconds,
            CoordinatorEpoch = actor.State.Epoch,
        };
    }

    public override async Task Session(IAsyncStreamReader<SessionRequest> requestStream, IServerStreamWriter<SessionResponse> responseStream, ServerCallContext context)
    {
        var cancelled = context.CancellationToken;
        if (!await FirstAsync(requestStream, cancelled).ConfigureAwait(false))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "A session begins with an event that carries worker_id."));
        }

        string workerId = requestStream.Current.WorkerId;
        using var link = registry.Add(workerId);
        try
        {
            ThrowIfRefused(await actor.AskAsync(new SessionOpened(workerId, link.Number, requestStream.Current.Generation), cancelled).ConfigureAwait(false));
            string reason = "its session stream broke.";
            try
            {
                reason = await RunAsync(link, requestStream, responseStream, context).ConfigureAwait(false);
            }
            finally
            {
                await ClosedAsync(workerId, link, reason).ConfigureAwait(false);
            }
        }
        finally
        {
            registry.Remove(link);
        }
    }

    private async Task ClosedAsync(string workerId, SessionLink link, string reason)
    {
        try
        {
            await actor.PostAsync(new SessionClosed(workerId, link.Number, reason), CancellationToken.None).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            // The coordinator itself is going.
        }
    }

    private async Task<string> RunAsync(SessionLink link, IAsyncStreamReader<SessionRequest> requests, IServerStreamWriter<SessionResponse> responses, ServerCallContext context)
    {
        // The worker learns at once that it is taken, and by whom.
        await context.WriteResponseHeadersAsync(new Metadata
        {
            { RunHeader, identity.RunId },
            { EpochHeader, actor.State.Epoch.ToString(System.Globalization.CultureInfo.InvariantCulture) },
        }).ConfigureAwait(false);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, link.Broken);
        var reading = ReadAsync(link.WorkerId, requests, ended.Token);
        var writing = WriteAsync(link, responses, context, ended.Token);
        var first = await Task.WhenAny(reading, writing).ConfigureAwait(false);
        if (first == writing)
        {
            // Everything is said; the worker closes its side when it has read it.
            ended.CancelAfter(actor.State.Settings.Timeouts.Farewell);
        }
        else
        {
            await ended.CancelAsync().ConfigureAwait(false);
        }

        string readEnd = await reading.ConfigureAwait(false);
        await writing.ConfigureAwait(false);
        return link.Broken.IsCancellationRequested ? "it left too many commands unread." : readEnd;
    }

    /// <summary>Events in. Any exception of the stream means the same: the worker is not there any more.</summary>
    private async Task<string> ReadAsync(string workerId, IAsyncStreamReader<SessionRequest> requests, CancellationToken ended)
    {
        try
        {
            do
            {
                if (WireMessages.ToEvent(requests.Current, workerId) is { } happened)
                {
                    await actor.PostAsync(happened, ended).ConfigureAwait(false);
                }
            }
            while (await requests.MoveNext(ended).ConfigureAwait(false));
            return "it closed its session.";
        }
        catch (Exception)
        {
            return "its session stream broke.";
        }
    }

    private static async Task WriteAsync(SessionLink link, IServerStreamWriter<SessionResponse> responses, ServerCallContext context, CancellationToken ended)
    {
        try
        {
            await foreach (var command in link.Outgoing.ReadAllAsync(ended).ConfigureAwait(false))
            {
                await responses.WriteAsync(WireMessages.ToMessage(command), ended).ConfigureAwait(false);
            }
        }
        catch (Exception) when (ended.IsCancellationRequested || context.CancellationToken.IsCancellationRequested)
        {
            // The reader tells why the stream ended.
        }
    }

    /// <summary>A stream without a first message is nobody's.</summary>
    private async Task<bool> FirstAsync(IAsyncStreamReader<SessionRequest> requests, CancellationToken cancelled)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        patience.CancelAfter(actor.State.Settings.Timeouts.Lease);
        try
        {
            return await requests.MoveNext(patience.Token).ConfigureAwait(false) && requests.Current.WorkerId.Length > 0;
        }
        catch (Exception) when (patience.IsCancellationRequested)
        {
            return false;
        }
    }

    private static void ThrowIfRefused(Decision decision)
    {
        if (decision.Refusal is { } refusal)
        {
            var code = refusal.Kind == RefusalKind.Exhausted ? StatusCode.ResourceExhausted : StatusCode.FailedPrecondition;
            throw new RpcException(new Status(code, refusal.Reason));
        }
    }

    private static string PeerAddress(ServerCallContext context)
    {
        var address = context.GetHttpContext().Connection.RemoteIpAddress;
        return address is null ? "" : (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
    }
}
