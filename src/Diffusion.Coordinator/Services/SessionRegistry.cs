using System.Collections.Concurrent;
using System.Threading.Channels;
using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Services;

/// <summary>One open stream to a worker, as its sender sees it.</summary>
internal sealed class SessionLink(long number, string workerId) : IDisposable
{
    /// <summary>A worker that leaves so many commands unread is not listening.</summary>
    private const int QueueLength = 64;

    private readonly Channel<SessionCommand> outgoing = Channel.CreateBounded<SessionCommand>(new BoundedChannelOptions(QueueLength) { SingleReader = true });
    private readonly CancellationTokenSource broken = new();

    public long Number => number;

    public string WorkerId => workerId;

    public ChannelReader<SessionCommand> Outgoing => outgoing.Reader;

    /// <summary>Fires when the stream has to be cut without waiting for what is queued.</summary>
    public CancellationToken Broken => broken.Token;

    public void Send(SessionCommand command)
    {
        if (command is CloseSession)
        {
            outgoing.Writer.TryComplete();
        }
        else if (!outgoing.Writer.TryWrite(command))
        {
            broken.Cancel();
        }
    }

    public void Dispose()
    {
        outgoing.Writer.TryComplete();
        broken.Dispose();
    }
}

/// <summary>The open sessions by number.</summary>
internal sealed class SessionRegistry
{
    private readonly ConcurrentDictionary<long, SessionLink> links = new();
    private long lastNumber;

    public SessionLink Add(string workerId)
    {
        var link = new SessionLink(Interlocked.Increment(ref lastNumber), workerId);
        links[link.Number] = link;
        return link;
    }

    public void Remove(SessionLink link) => links.TryRemove(link.Number, out _);

    /// <summary>Queues a command; for a session that is gone already it is too late, and the stream's end was an event of its own.</summary>
    public void Send(SessionCommand command)
    {
        if (links.TryGetValue(command.Session, out var link))
        {
            link.Send(command);
        }
    }
}
