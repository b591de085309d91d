namespace Diffusion.Native.Collectives;

/// <summary>Ranks that are threads of one process: messages are copied once, straight from the sender's memory.</summary>
public sealed class LocalTransport : IPeerTransport
{
    private readonly LocalGroup group;
    private bool disposed;

    private LocalTransport(LocalGroup group, int rank)
    {
        this.group = group;
        Rank = rank;
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size => group.Size;

    /// <inheritdoc/>
    public CollectiveException? Failure => group.Failure;

    /// <summary>Makes the transports of a group, one for each rank's thread.</summary>
    /// <param name="size">Number of ranks.</param>
    public static IReadOnlyList<LocalTransport> CreateGroup(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        var group = new LocalGroup(size);
        return [.. Enumerable.Range(0, size).Select(rank => new LocalTransport(group, rank))];
    }

    /// <inheritdoc/>
    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, TimeSpan deadline, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        TransferRules.Check(sends, receives, Rank, Size);
        var time = Deadline.After(deadline);
        using var cancel = cancellationToken.UnsafeRegister(static state => ((LocalTransport)state!).Abort("Cancelled by the caller."), this);
        group.Exchange(Rank, sends, receives, time, deadline);
    }

    /// <inheritdoc/>
    public void Abort(string reason) => group.Fail(new CollectiveException(CollectiveFailure.Aborted, reason));

    /// <summary>Leaves the group: whoever waits for this rank, now or later, has lost a peer.</summary>
    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            group.Leave(Rank);
        }
    }
}
