using System.Numerics;

namespace Diffusion.Native.Collectives;

/// <summary>Which rank owns which of a run's V shards: contiguous ranges in rank order that cover every shard exactly once.</summary>
/// <remarks>V is fixed for the run; the plan changes with every generation. A rank may own nothing and still take part in collectives.</remarks>
public sealed class ShardPlan
{
    private readonly ShardRange[] ranges;

    /// <summary>Makes a plan from the number of shards of each rank.</summary>
    /// <param name="shardCount">V, a power of two.</param>
    /// <param name="sharesByRank">Number of shards of rank 0, 1, …; their sum is V.</param>
    /// <exception cref="ArgumentException">V is no power of two, a share is negative, or the shares do not add up to V.</exception>
    public ShardPlan(int shardCount, ReadOnlySpan<int> sharesByRank)
    {
        if (shardCount < 1 || !BitOperations.IsPow2(shardCount))
        {
            throw new ArgumentException($"Shard count is {shardCount}; it must be a power of two, because the gradient is a balanced binary tree over the shards.", nameof(shardCount));
        }

        if (sharesByRank.IsEmpty)
        {
            throw new ArgumentException("There are no ranks; a plan needs at least one.", nameof(sharesByRank));
        }

        ranges = new ShardRange[sharesByRank.Length];
        int start = 0;
        for (int rank = 0; rank < ranges.Length; rank++)
        {
            int share = sharesByRank[rank];
            if (share < 0 || share > shardCount - start)
            {
                throw new ArgumentException($"Rank {rank} is given {share} shards when {shardCount - start} of {shardCount} are left; shares must be non-negative and add up to the shard count.", nameof(sharesByRank));
            }

            ranges[rank] = new ShardRange(start, start + share);
            start += share;
        }

        if (start != shardCount)
        {
            throw new ArgumentException($"The shares add up to {start}, not to {shardCount}; every shard needs an owner.", nameof(sharesByRank));
        }

        ShardCount = shardCount;
    }

    /// <summary>V, the number of shards of the run.</summary>
    public int ShardCount { get; }

    /// <summary>Number of ranks.</summary>
    public int RankCount => ranges.Length;

    /// <summary>The shards of one rank.</summary>
    /// <param name="rank">0 … <see cref="RankCount"/> − 1.</param>
    public ShardRange this[int rank] => ranges[rank];

    /// <summary>Spreads V shards over the ranks as evenly as whole shards allow; earlier ranks take the remainder.</summary>
    /// <param name="shardCount">V, a power of two.</param>
    /// <param name="rankCount">Number of ranks, at least one.</param>
    public static ShardPlan Even(int shardCount, int rankCount)
    {
        if (rankCount < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(rankCount), rankCount, "A plan needs at least one rank.");
        }

        var shares = new int[rankCount];
        for (int rank = 0; rank < rankCount; rank++)
        {
            shares[rank] = (shardCount / rankCount) + (rank < shardCount % rankCount ? 1 : 0);
        }

        return new ShardPlan(shardCount, shares);
    }

    /// <summary>The rank that owns a shard.</summary>
    /// <param name="shard">0 … V − 1.</param>
    public int OwnerOf(int shard)
    {
        int owner = Array.FindIndex(ranges, range => range.Start <= shard && shard < range.End);
        return owner >= 0 ? owner : throw new ArgumentOutOfRangeException(nameof(shard), shard, $"Shards are 0 to {ShardCount - 1}.");
    }

    /// <summary>The plan as <c>8 shards: [0, 3) [3, 8)</c>.</summary>
    public override string ToString() => $"{ShardCount} shards: {string.Join(' ', ranges)}";
}
