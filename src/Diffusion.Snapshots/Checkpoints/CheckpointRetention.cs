namespace Diffusion.Snapshots.Checkpoints;

/// <summary>Which checkpoints stay.</summary>
/// <param name="KeepLast">The newest so many, at least 1.</param>
/// <param name="KeepEveryImages">And every one whose image count is a multiple of this; 0 for none.</param>
public sealed record CheckpointRetention(int KeepLast = 3, long KeepEveryImages = 0)
{
    /// <summary>Keeps everything.</summary>
    public static CheckpointRetention All { get; } = new(int.MaxValue);

    /// <summary>Image counts that may go, out of <paramref name="imageCounts"/> in ascending order.</summary>
    /// <exception cref="InvalidOperationException"><see cref="KeepLast"/> is below 1.</exception>
    public IReadOnlyList<long> Expired(IReadOnlyList<long> imageCounts)
    {
        if (KeepLast < 1)
        {
            throw new InvalidOperationException($"Retention keeps the last {KeepLast} checkpoints; at least 1 must stay, or a crash loses the run.");
        }

        return [.. imageCounts.Take(Math.Max(0, imageCounts.Count - KeepLast)).Where(images => KeepEveryImages <= 0 || images % KeepEveryImages != 0)];
    }
}
