using Diffusion.Contracts.Configuration;

namespace Diffusion.Snapshots.Library;

/// <summary>How reconstructions are made and kept.</summary>
public sealed record SnapshotLibraryOptions
{
    /// <summary>Where reconstructed weights are kept; created with the first. Several processes may share it.</summary>
    /// <value>In the user's cache.</value>
    public string CacheDirectory { get; init; } = UserCache.DirectoryOf("weights");

    /// <summary>Bytes to keep there; files in use may exceed it.</summary>
    /// <value>10 GB.</value>
    public long CacheBytes { get; init; } = 10_000_000_000;

    /// <summary>Reconstructions made at a time; others wait.</summary>
    /// <value>2.</value>
    public int ConcurrentReconstructions { get; init; } = 2;

    /// <summary>Threads of one reconstruction.</summary>
    /// <value>Half of the processors, so that training beside it goes on.</value>
    public int ThreadsPerReconstruction { get; init; } = Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>Buffer memory of one reconstruction, in bytes.</summary>
    /// <value>128 MiB.</value>
    public long MemoryBytesPerReconstruction { get; init; } = 128L << 20;

    /// <summary>Every problem of these options.</summary>
    public IEnumerable<string> Problems()
    {
        if (CacheBytes < 0)
        {
            yield return $"The cache size is {CacheBytes} bytes; 0 or more, as in 10GB.";
        }

        if (ConcurrentReconstructions < 1 || ThreadsPerReconstruction < 1)
        {
            yield return $"{ConcurrentReconstructions} reconstructions at a time with {ThreadsPerReconstruction} threads each; at least 1 of both.";
        }
    }
}
