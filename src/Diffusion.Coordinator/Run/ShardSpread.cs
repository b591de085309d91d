using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

/// <summary>Contiguous shards for ranks.</summary>
internal static class ShardSpread
{
    /// <summary>
    /// Shares in proportion to weights, at least one shard each; with equal weights they differ by one at most and earlier ranks have more.
    /// For powers of two every range is then one aligned sub-tree of the gradient's sum, which costs the least exchange.
    /// </summary>
    /// <param name="shards">V.</param>
    /// <param name="weights">Speed of each rank, in any unit; positive, no more than V of them.</param>
    public static ImmutableArray<RankShards> Spread(int shards, IReadOnlyList<double> weights)
    {
        if (weights.Count < 1 || weights.Count > shards)
        {
            throw new ArgumentException($"{shards} shards cannot be spread over {weights.Count} ranks; 1 to {shards} ranks are possible.", nameof(weights));
        }

        var shares = new int[weights.Count];
        Array.Fill(shares, 1);

        // One after the other goes to the rank that would then have the least work per speed: the slowest rank decides the step.
        for (int left = shards - weights.Count; left > 0; left--)
        {
            int best = 0;
            for (int rank = 1; rank < shares.Length; rank++)
            {
                if ((shares[rank] + 1) / weights[rank] < (shares[best] + 1) / weights[best])
                {
                    best = rank;
                }
            }

            shares[best]++;
        }

        var ranges = ImmutableArray.CreateBuilder<RankShards>(shares.Length);
        int first = 0;
        for (int rank = 0; rank < shares.Length; rank++)
        {
            ranges.Add(new RankShards(rank, first, first += shares[rank]));
        }

        return ranges.MoveToImmutable();
    }

    public static ImmutableArray<RankShards> Even(int shards, int ranks) => Spread(shards, [.. Enumerable.Repeat(1.0, ranks)]);
}
