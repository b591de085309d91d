namespace Diffusion.Native.Collectives;

/// <summary>Where ranks leave their addresses for one another. Written once per key.</summary>
public interface IRendezvousStore
{
    /// <summary>Publishes a value.</summary>
    /// <param name="key">Name of the value, unique to the generation.</param>
    /// <param name="value">A few hundred bytes.</param>
    void Set(string key, ReadOnlySpan<byte> value);

    /// <summary>Returns a value, waiting until somebody has published it.</summary>
    /// <param name="key">Name of the value.</param>
    /// <param name="timeout">The longest time to wait.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">Nobody published the value in time.</exception>
    byte[] Get(string key, TimeSpan timeout, CancellationToken cancellationToken);
}
