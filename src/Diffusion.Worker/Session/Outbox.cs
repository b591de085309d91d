using System.Threading.Channels;
using Diffusion.V1;

namespace Diffusion.Worker.Session;

/// <summary>Events on their way to the coordinator. They wait here while the stream is down, in order.</summary>
internal sealed class Outbox
{
    /// <summary>Ten minutes of metrics of a fast run.</summary>
    private const int Capacity = 8192;

    private readonly Channel<SessionRequest> events = Channel.CreateBounded<SessionRequest>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private long dropped;

    /// <summary>Events that found no room.</summary>
    public long Dropped => Interlocked.Read(ref dropped);

    public ChannelReader<SessionRequest> Reader => events.Reader;

    /// <summary>Returns at once; called on rank threads too.</summary>
    public void Post(SessionRequest happened)
    {
        if (!events.Writer.TryWrite(happened))
        {
            Interlocked.Increment(ref dropped);
        }
    }

    /// <summary>Forgets what was meant for a coordinator that does not know this worker any more. Files and metrics are facts and stay.</summary>
    public void DropGenerationEvents()
    {
        var kept = new List<SessionRequest>();
        while (events.Reader.TryRead(out var waiting))
        {
            if (waiting.EventCase is SessionRequest.EventOneofCase.SnapshotSaved or SessionRequest.EventOneofCase.CheckpointSaved or SessionRequest.EventOneofCase.SaveFailed or SessionRequest.EventOneofCase.Status)
            {
                kept.Add(waiting);
            }
        }

        kept.ForEach(Post);
    }
}
