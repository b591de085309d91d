using System.Globalization;
using Diffusion.V1;
using Grpc.Core;

namespace Diffusion.Worker.Session;

/// <summary>The coordinator answered no: this worker id is not one of its.</summary>
internal sealed class SessionRefusedException(string message) : Exception(message);

/// <summary>One session stream, from its first message to its end. Events are written one at a time; commands are read by one reader.</summary>
internal sealed class SessionStream : IDisposable
{
    private const string EpochHeader = "coordinator-epoch";
    private const string RunHeader = "run-id";

    private readonly CoordinatorChannel channel;
    private readonly AsyncDuplexStreamingCall<SessionRequest, SessionResponse> call;
    private readonly SemaphoreSlim writing = new(1, 1);
    private readonly string workerId;

    private SessionStream(CoordinatorChannel channel, AsyncDuplexStreamingCall<SessionRequest, SessionResponse> call, string workerId)
    {
        this.channel = channel;
        this.call = call;
        this.workerId = workerId;
    }

    /// <summary>Opens a stream and waits until the coordinator has taken it.</summary>
    /// <param name="generation">The generation this worker is in or was in last under this id; 0 when it just joined.</param>
    /// <param name="knownEpoch">A coordinator that started earlier than this one is a ghost.</param>
    /// <exception cref="SessionRefusedException">The coordinator does not know this id (any more).</exception>
    public static async Task<(SessionStream Stream, long Epoch)> OpenAsync(
        CoordinatorAddress address, WorkerIdentity identity, string workerId, long generation, WorkerHeartbeat first, long knownEpoch, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var channel = new CoordinatorChannel(address);
        AsyncDuplexStreamingCall<SessionRequest, SessionResponse>? call = null;
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(timeout);
            call = channel.Coordinator.Session(cancellationToken: CancellationToken.None);
            await call.RequestStream.WriteAsync(new SessionRequest { WorkerId = workerId, Generation = generation, Heartbeat = first }, patience.Token).WaitAsync(patience.Token).ConfigureAwait(false);
            var headers = await call.ResponseHeadersAsync.WaitAsync(patience.Token).ConfigureAwait(false);
            if (headers.GetValue(RunHeader) is not { } runId)
            {
                // A refusal has no headers of ours; its status is at the end of the empty response.
                await call.ResponseStream.MoveNext(patience.Token).ConfigureAwait(false);
                throw new RpcException(new Status(StatusCode.Unavailable, "The coordinator ended the session at once."));
            }

            if (runId != identity.RunId)
            {
                throw new SessionRefusedException($"{address.Host}:{address.Port} is the coordinator of run {runId} now, not of {identity.RunId}.");
            }

            long epoch = long.Parse(headers.GetValue(EpochHeader) ?? "0", CultureInfo.InvariantCulture);
            if (epoch < knownEpoch)
            {
                throw new RpcException(new Status(StatusCode.Unavailable, $"The coordinator that answers is start {epoch} of the run; start {knownEpoch} is known already."));
            }

            return (new SessionStream(channel, call, workerId), epoch);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            call?.Dispose();
            channel.Dispose();
            throw new SessionRefusedException(e.Status.Detail);
        }
        catch
        {
            call?.Dispose();
            channel.Dispose();
            throw;
        }
    }

    public async Task SendAsync(SessionRequest happened, CancellationToken cancellationToken)
    {
        await writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            happened.WorkerId = workerId;

            // A write to a call that has ended may never return, not even when it is cancelled.
            await call.RequestStream.WriteAsync(happened, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            writing.Release();
        }
    }

    /// <summary>The next command; null when the coordinator closed the stream in order.</summary>
    /// <exception cref="SessionRefusedException">This worker was declared lost.</exception>
    public async Task<SessionResponse?> NextAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false) ? call.ResponseStream.Current : null;
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            throw new SessionRefusedException(e.Status.Detail);
        }
    }

    /// <summary>Says that no more events come, so that the stream ends in order.</summary>
    public async Task CompleteAsync(TimeSpan timeout)
    {
        using var patience = new CancellationTokenSource(timeout);
        await writing.WaitAsync(patience.Token).ConfigureAwait(false);
        try
        {
            await call.RequestStream.CompleteAsync().WaitAsync(patience.Token).ConfigureAwait(false);
        }
        finally
        {
            writing.Release();
        }
    }

    public void Dispose()
    {
        call.Dispose();
        channel.Dispose();
        writing.Dispose();
    }
}
