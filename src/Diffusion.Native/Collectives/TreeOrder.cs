namespace Diffusion.Native.Collectives;

/// <summary>Turns a row of sub-trees into the additions that complete the tree.</summary>
internal static class TreeOrder
{
    /// <summary>After pushing source i on a stack, how many times its two topmost entries are added. The whole ends with one entry.</summary>
    /// <param name="nodes">Nodes that cover [0, V) from left to right without gaps.</param>
    public static int[] Merges(IEnumerable<ShardRange> nodes)
    {
        var merges = new List<int>();
        var stack = new Stack<ShardRange>();
        foreach (var node in nodes)
        {
            int count = 0;
            var top = node;
            while (stack.TryPeek(out var left) && left.IsLeftBrotherOf(top))
            {
                stack.Pop();
                top = new ShardRange(left.Start, top.End);
                count++;
            }

            stack.Push(top);
            merges.Add(count);
        }

        return stack.Count == 1
            ? [.. merges]
            : throw new ArgumentException($"The nodes end as {string.Join(' ', stack.Reverse())}, not as one tree.", nameof(nodes));
    }
}
