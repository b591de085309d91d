namespace Diffusion.Model.Sampling;

/// <summary>How a list of seeds is shared out.</summary>
public static class SeedBatches
{
    /// <summary>
    /// Splits seeds into nearly equal consecutive batches, as many for each rank, and deals them out in turn.
    /// </summary>
    /// <param name="seeds">Seeds in order.</param>
    /// <param name="maxBatch">Largest batch.</param>
    /// <param name="ranks">Number of ranks W; rank r takes batches r, r + W, …</param>
    /// <returns>Batches of each rank; a rank may have fewer, or empty batches left out, if there are fewer seeds than batches.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxBatch"/> or <paramref name="ranks"/> is below 1.</exception>
    public static IReadOnlyList<IReadOnlyList<IReadOnlyList<long>>> Split(IReadOnlyList<long> seeds, int maxBatch, int ranks)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        int rounds = Math.Max(((seeds.Count - 1) / (maxBatch * ranks)) + 1, 1), batches = rounds * ranks;
        var perRank = Enumerable.Range(0, ranks).Select(_ => new List<IReadOnlyList<long>>()).ToArray();
        for (int batch = 0, start = 0; batch < batches; batch++)
        {
            // The first (n mod batches) get one more.
            int size = (seeds.Count / batches) + (batch < seeds.Count % batches ? 1 : 0);
            if (size > 0)
            {
                perRank[batch % ranks].Add([.. seeds.Skip(start).Take(size)]);
            }

            start += size;
        }

        return perRank;
    }
}
