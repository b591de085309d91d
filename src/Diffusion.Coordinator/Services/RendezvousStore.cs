namespace Diffusion.Coordinator.Services;

/// <summary>A generation is over, or not this one: who still waits in it must not go on.</summary>
internal sealed class StaleGenerationException(string message) : Exception(message);

/// <summary>Small values by key, of the one generation that is connecting or training.</summary>
internal sealed class RendezvousStore : IDisposable
{
    /// <summary>Largest value; addresses of one rank towards all others fit many times over.</summary>
    public const int MaximumValueBytes = 64 << 10;
    private const int MaximumKeyLength = 256;
    private const int MaximumKeys = 16384;

    private readonly Lock gate = new();
    private Room room = new(0);

    /// <summary>The values of one generation. Keys that are waited for hold a task that is not complete.</summary>
    private sealed class Room(long generation)
    {
        public long Generation { get; } = generation;

        public Dictionary<string, TaskCompletionSource<byte[]>> Values { get; } = new(StringComparer.Ordinal);

        public CancellationTokenSource Over { get; } = new();
    }

    /// <summary>Opens a generation's room; the one before is closed.</summary>
    public void Open(long generation)
    {
        Room before;
        lock (gate)
        {
            before = room;
            room = new Room(generation);
        }

        End(before);
    }

    /// <summary>Closes the room of a generation, if it is still open. Everybody waiting in it is refused.</summary>
    public void Close(long generation)
    {
        Room? closed = null;
        lock (gate)
        {
            if (room.Generation == generation)
            {
                closed = room;
                room = new Room(0);
            }
        }

        if (closed is not null)
        {
            End(closed);
        }
    }

    /// <exception cref="StaleGenerationException">The generation is not the open one.</exception>
    /// <exception cref="ArgumentException">The key or the value is too large, or there are too many keys.</exception>
    public void Put(long generation, string key, byte[] value)
    {
        if (value.Length > MaximumValueBytes)
        {
            throw new ArgumentException($"The value of '{key}' has {value.Length} bytes; at most {MaximumValueBytes} are kept.", nameof(value));
        }

        lock (gate)
        {
            var slot = Slot_NeedsLock(generation, key);
            if (!slot.TrySetResult(value))
            {
                var replaced = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
                replaced.SetResult(value);
                room.Values[key] = replaced;
            }
        }
    }

    /// <summary>Waits until all keys are there.</summary>
    /// <exception cref="StaleGenerationException">The generation is not the open one, or ended meanwhile.</exception>
    public async Task<byte[][]> GetAsync(long generation, IReadOnlyList<string> keys, CancellationToken cancellationToken)
    {
        Task<byte[]>[] waiting;
        CancellationToken over;
        lock (gate)
        {
            waiting = [.. keys.Select(key => Slot_NeedsLock(generation, key).Task)];
            over = room.Over.Token;
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(over, cancellationToken);
        try
        {
            return await Task.WhenAll(waiting).WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            throw Stale(generation);
        }
    }

    public void Dispose() => Open(0);

    private TaskCompletionSource<byte[]> Slot_NeedsLock(long generation, string key)
    {
        if (generation == 0 || generation != room.Generation)
        {
            throw Stale(generation);
        }

        if (room.Values.TryGetValue(key, out var slot))
        {
            return slot;
        }

        if (key.Length is 0 or > MaximumKeyLength || room.Values.Count >= MaximumKeys)
        {
            throw new ArgumentException($"A key of {key.Length} characters as number {room.Values.Count + 1} is refused: keys have 1 to {MaximumKeyLength} characters, and there are at most {MaximumKeys}.", nameof(key));
        }

        room.Values[key] = slot = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        return slot;
    }

    private StaleGenerationException Stale(long generation) => new(
        $"Generation {generation} is over{(room.Generation == 0 ? "" : FormattableString.Invariant($"; generation {room.Generation} is the present one"))}.");

    /// <summary>The source is not disposed: late waiters still look at its token, and it holds no handle.</summary>
    private static void End(Room ended) => ended.Over.Cancel();
}
