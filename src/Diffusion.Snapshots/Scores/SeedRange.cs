namespace Diffusion.Snapshots.Scores;

/// <summary>Consecutive seeds, an image each.</summary>
/// <param name="First">First seed.</param>
/// <param name="Count">Seeds.</param>
public readonly record struct SeedRange(long First, int Count)
{
    /// <summary>Last seed.</summary>
    public long Last => First + Count - 1;

    /// <summary>Cuts seeds into consecutive ranges at multiples of a unit, counted from seed 0: who measures other seeds beside these cuts at the same places.</summary>
    /// <param name="firstSeed">First seed, at least 0.</param>
    /// <param name="count">Seeds in all.</param>
    /// <param name="unit">Most seeds of a range; a multiple of the batch.</param>
    public static IReadOnlyList<SeedRange> Cut(long firstSeed, int count, int unit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstSeed);
        ArgumentOutOfRangeException.ThrowIfLessThan(unit, 1);
        var ranges = new List<SeedRange>();
        for (long at = firstSeed, end = firstSeed + count; at < end;)
        {
            long next = Math.Min(end, ((at / unit) + 1) * unit);
            ranges.Add(new SeedRange(at, (int)(next - at)));
            at = next;
        }

        return ranges;
    }
}
