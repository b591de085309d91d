using System.Numerics;

namespace Diffusion.Native.Collectives;

/// <summary>A half-open range [<see cref="Start"/>, <see cref="End"/>) of shard numbers.</summary>
/// <param name="Start">First shard of the range.</param>
/// <param name="End">One past the last shard of the range.</param>
public readonly record struct ShardRange(int Start, int End)
{
    /// <summary>Number of shards in the range.</summary>
    public int Count => End - Start;

    /// <summary>Whether the range holds no shard at all.</summary>
    public bool IsEmpty => End <= Start;

    /// <summary>Whether the range is one node of the balanced binary tree: 2^k shards that begin at a multiple of 2^k.</summary>
    public bool IsSubTree => Count > 0 && BitOperations.IsPow2(Count) && (Start & (Count - 1)) == 0;

    /// <summary>Whether <paramref name="right"/> is the right-hand brother of this node, so that the two add up to their parent.</summary>
    /// <param name="right">Another node of the tree.</param>
    public bool IsLeftBrotherOf(ShardRange right) =>
        End == right.Start && Count == right.Count && (Start & ((2 * Count) - 1)) == 0;

    /// <summary>Splits the range into the fewest nodes of the tree, from left to right: at most 2·log2(V) − 2 of them.</summary>
    public IReadOnlyList<ShardRange> SubTrees()
    {
        var nodes = new List<ShardRange>();
        for (int start = Start; start < End;)
        {
            int aligned = start == 0 ? int.MaxValue : start & -start;
            int fits = 1 << BitOperations.Log2((uint)(End - start));
            int count = Math.Min(aligned, fits);
            nodes.Add(new ShardRange(start, start + count));
            start += count;
        }

        return nodes;
    }

    /// <summary>The range as <c>[start, end)</c>.</summary>
    public override string ToString() => $"[{Start}, {End})";
}
