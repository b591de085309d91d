using System.Runtime.InteropServices;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>Floats of very different sizes, whose sum depends on the order, and the definition of the tree sum.</summary>
internal static class Numbers
{
    public static float[][] Shards(int shardCount, int length, int seed) => [.. Enumerable.Range(0, shardCount).Select(shard => Shard(shard, length, seed))];

    public static float[] Shard(int shard, int length, int seed)
    {
        var random = new Random((seed * 104729) + shard);
        var values = new float[length];
        foreach (ref float value in values.AsSpan())
        {
            value = ((2 * random.NextSingle()) - 1) * MathF.Pow(10, random.Next(5) - 2);
        }

        return values;
    }

    /// <summary>The definition: a balanced binary tree over the shards, left plus right.</summary>
    public static float[] TreeSum(float[][] shards, int start, int end)
    {
        if (end - start == 1)
        {
            return shards[start];
        }

        int middle = (start + end) / 2;
        var left = TreeSum(shards, start, middle);
        var right = TreeSum(shards, middle, end);
        return [.. left.Zip(right, (a, b) => a + b)];
    }

    public static bool SameBits(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => MemoryMarshal.AsBytes(a).SequenceEqual(MemoryMarshal.AsBytes(b));

    /// <summary>Every way to cut [0, count) into exactly the given number of non-empty contiguous parts.</summary>
    public static IEnumerable<int[]> Compositions(int count, int parts)
    {
        if (parts == 1)
        {
            yield return [count];
            yield break;
        }

        for (int first = 1; first <= count - parts + 1; first++)
        {
            foreach (var rest in Compositions(count - first, parts - 1))
            {
                yield return [first, .. rest];
            }
        }
    }

    /// <summary>Random shares, some of them possibly empty.</summary>
    public static int[] RandomShares(Random random, int shardCount, int ranks)
    {
        var cuts = Enumerable.Range(0, ranks - 1).Select(_ => random.Next(shardCount + 1)).Append(0).Append(shardCount).Order().ToArray();
        return [.. cuts.Zip(cuts.Skip(1), (a, b) => b - a)];
    }
}
