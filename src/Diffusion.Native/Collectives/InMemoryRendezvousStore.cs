namespace Diffusion.Native.Collectives;

/// <summary>A store for ranks that share a process.</summary>
public sealed class InMemoryRendezvousStore : IRendezvousStore
{
    private readonly Dictionary<string, byte[]> values = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public void Set(string key, ReadOnlySpan<byte> value)
    {
        lock (values)
        {
            values[key] = value.ToArray();
            Monitor.PulseAll(values);
        }
    }

    /// <inheritdoc/>
    public byte[] Get(string key, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        using var wake = cancellationToken.Register(() =>
        {
            lock (values)
            {
                Monitor.PulseAll(values);
            }
        });
        lock (values)
        {
            byte[]? value;
            while (!values.TryGetValue(key, out value))
            {
                cancellationToken.ThrowIfCancellationRequested();
                long left = end - Environment.TickCount64;
                if (left <= 0)
                {
                    throw new TimeoutException($"Nobody published \"{key}\" within {timeout.TotalSeconds:0.###} s.");
                }

                Monitor.Wait(values, TimeSpan.FromMilliseconds(left));
            }

            return value;
        }
    }
}
