namespace Grpc.Tests.Hosting;

/// <summary>What the service saw, for the tests to await.</summary>
internal sealed class ProbeState
{
    private readonly TaskCompletionSource hanging = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long messagesWritten;

    /// <summary>Completes when a call hangs.</summary>
    public Task Hanging => hanging.Task;

    /// <summary>Completes when a handler sees its call cancelled.</summary>
    public Task Cancelled => cancelled.Task;

    /// <summary>The deadline of the last hanging call.</summary>
    public DateTime Deadline { get; private set; }

    /// <summary>Messages that flow control has let through.</summary>
    public long MessagesWritten => Interlocked.Read(ref messagesWritten);

    public void Hangs(DateTime deadline)
    {
        Deadline = deadline;
        hanging.TrySetResult();
    }

    public void WasCancelled() => cancelled.TrySetResult();

    public void Wrote() => Interlocked.Increment(ref messagesWritten);
}
