namespace Diffusion.Serving;

/// <summary>When to try again, and when to give up.</summary>
internal sealed class Retries(SnapshotClientOptions options, TimeProvider time)
{
    private const int LongestWait = 16;
    private long? brokenSince;
    private int damagedInARow;
    private int waits;

    /// <summary>Tries after the first.</summary>
    public int Count { get; private set; }

    public void Progressed()
    {
        brokenSince = null;
        damagedInARow = 0;
        waits = 0;
    }

    /// <exception cref="IOException">It was damaged too often.</exception>
    public void Damaged(Exception cause)
    {
        if (++damagedInARow >= options.DamagedInARow)
        {
            throw new IOException($"{cause.Message}, {damagedInARow} times in a row. Check the network and the memory of both boxes.", cause);
        }
    }

    /// <summary>Waits before the next attempt.</summary>
    /// <exception cref="IOException">There was no progress for too long.</exception>
    public async Task WaitAsync(string broken, Exception? cause, CancellationToken cancellationToken)
    {
        // A reconstruction may take its time before the first byte; only what is broken counts.
        brokenSince ??= time.GetTimestamp();
        if (time.GetElapsedTime(brokenSince.Value) > options.Patience)
        {
            throw new IOException($"Fetching: {broken}, and nothing came for {options.Patience.TotalSeconds:0} s. Is the server running, and reached from here?", cause);
        }

        Count++;
        await Task.Delay(options.FirstWait * Math.Min(LongestWait, 1 << Math.Min(waits++, 4)), time, cancellationToken).ConfigureAwait(false);
    }
}
