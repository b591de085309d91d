using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>
/// sum += x₀·c₀, then += x₁·c₁, …: float32, product and sum rounded separately, in the order of the inputs. The result is therefore the same
/// for any vector width, chunk size and number of threads.
/// </summary>
/// <remarks>Sums stay in registers over all inputs of a tile, and every value loaded serves four sums: without that the loads set the pace.</remarks>
internal static class WeightedSum
{
    /// <summary>Values of one input at a time: sixteen inputs of so many fit into half of a first-level cache.</summary>
    public const int Tile = 256;

    /// <summary>Sums of one kernel.</summary>
    private const int Block = 4;

    /// <summary>Adds the same inputs to several sums.</summary>
    /// <param name="sums">One array per sum.</param>
    /// <param name="at">Where in the sums the tile lies.</param>
    /// <param name="length">Values per input, at most <see cref="Tile"/>.</param>
    /// <param name="tile">The inputs, one after the other, <see cref="Tile"/> apart.</param>
    /// <param name="coefficients">One array per sum: a weight for every input of the run.</param>
    /// <param name="first">Number of the first input in the tile.</param>
    /// <param name="count">How many inputs.</param>
    public static void Add(ReadOnlySpan<float[]> sums, int at, int length, ReadOnlySpan<float> tile, ReadOnlySpan<float[]> coefficients, int first, int count)
    {
        int s = 0;
        for (; s + Block <= sums.Length; s += Block)
        {
            var s0 = sums[s].AsSpan(at, length);
            var s1 = sums[s + 1].AsSpan(at, length);
            var s2 = sums[s + 2].AsSpan(at, length);
            var s3 = sums[s + 3].AsSpan(at, length);
            var c0 = coefficients[s].AsSpan(first, count);
            var c1 = coefficients[s + 1].AsSpan(first, count);
            var c2 = coefficients[s + 2].AsSpan(first, count);
            var c3 = coefficients[s + 3].AsSpan(first, count);
            int done = Avx512F.IsSupported ? AddWide(s0, s1, s2, s3, tile, c0, c1, c2, c3) : AddFour(s0, s1, s2, s3, tile, c0, c1, c2, c3);
            AddOne(s0[done..], tile[done..], c0);
            AddOne(s1[done..], tile[done..], c1);
            AddOne(s2[done..], tile[done..], c2);
            AddOne(s3[done..], tile[done..], c3);
        }

        for (; s < sums.Length; s++)
        {
            AddOne(sums[s].AsSpan(at, length), tile, coefficients[s].AsSpan(first, count));
        }
    }

    /// <summary>Four sums, four vectors of 16 each, in 16 registers. Used wherever it exists, though .NET prefers narrower vectors on the oldest of such processors: here it measured faster.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int AddWide(
        Span<float> s0, Span<float> s1, Span<float> s2, Span<float> s3,
        ReadOnlySpan<float> tile, ReadOnlySpan<float> c0, ReadOnlySpan<float> c1, ReadOnlySpan<float> c2, ReadOnlySpan<float> c3)
    {
        const int Width = 16;
        ref float x = ref MemoryMarshal.GetReference(tile);
        int v = 0;
        for (; v + Width * 4 <= s0.Length; v += Width * 4)
        {
            var (a0, a1, a2, a3) = Load(s0[v..]);
            var (b0, b1, b2, b3) = Load(s1[v..]);
            var (d0, d1, d2, d3) = Load(s2[v..]);
            var (e0, e1, e2, e3) = Load(s3[v..]);
            for (int i = 0; i < c0.Length; i++)
            {
                nuint from = (nuint)(i * Tile + v);
                var x0 = Vector512.LoadUnsafe(ref x, from);
                var x1 = Vector512.LoadUnsafe(ref x, from + Width);
                var x2 = Vector512.LoadUnsafe(ref x, from + Width * 2);
                var x3 = Vector512.LoadUnsafe(ref x, from + Width * 3);
                var w = Vector512.Create(c0[i]);
                (a0, a1, a2, a3) = (a0 + x0 * w, a1 + x1 * w, a2 + x2 * w, a3 + x3 * w);
                w = Vector512.Create(c1[i]);
                (b0, b1, b2, b3) = (b0 + x0 * w, b1 + x1 * w, b2 + x2 * w, b3 + x3 * w);
                w = Vector512.Create(c2[i]);
                (d0, d1, d2, d3) = (d0 + x0 * w, d1 + x1 * w, d2 + x2 * w, d3 + x3 * w);
                w = Vector512.Create(c3[i]);
                (e0, e1, e2, e3) = (e0 + x0 * w, e1 + x1 * w, e2 + x2 * w, e3 + x3 * w);
            }

            Store(s0[v..], a0, a1, a2, a3);
            Store(s1[v..], b0, b1, b2, b3);
            Store(s2[v..], d0, d1, d2, d3);
            Store(s3[v..], e0, e1, e2, e3);
        }

        return v;
    }

    /// <summary>Four sums, two vectors each, of the processor's ordinary width: 16 registers are all there are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int AddFour(
        Span<float> s0, Span<float> s1, Span<float> s2, Span<float> s3,
        ReadOnlySpan<float> tile, ReadOnlySpan<float> c0, ReadOnlySpan<float> c1, ReadOnlySpan<float> c2, ReadOnlySpan<float> c3)
    {
        int width = Vector<float>.Count;
        ref float x = ref MemoryMarshal.GetReference(tile);
        int v = 0;
        for (; v + width * 2 <= s0.Length; v += width * 2)
        {
            var (a0, a1) = (new Vector<float>(s0[v..]), new Vector<float>(s0[(v + width)..]));
            var (b0, b1) = (new Vector<float>(s1[v..]), new Vector<float>(s1[(v + width)..]));
            var (d0, d1) = (new Vector<float>(s2[v..]), new Vector<float>(s2[(v + width)..]));
            var (e0, e1) = (new Vector<float>(s3[v..]), new Vector<float>(s3[(v + width)..]));
            for (int i = 0; i < c0.Length; i++)
            {
                nuint from = (nuint)(i * Tile + v);
                var x0 = Vector.LoadUnsafe(ref x, from);
                var x1 = Vector.LoadUnsafe(ref x, from + (nuint)width);
                var w = new Vector<float>(c0[i]);
                (a0, a1) = (a0 + x0 * w, a1 + x1 * w);
                w = new Vector<float>(c1[i]);
                (b0, b1) = (b0 + x0 * w, b1 + x1 * w);
                w = new Vector<float>(c2[i]);
                (d0, d1) = (d0 + x0 * w, d1 + x1 * w);
                w = new Vector<float>(c3[i]);
                (e0, e1) = (e0 + x0 * w, e1 + x1 * w);
            }

            a0.CopyTo(s0[v..]);
            a1.CopyTo(s0[(v + width)..]);
            b0.CopyTo(s1[v..]);
            b1.CopyTo(s1[(v + width)..]);
            d0.CopyTo(s2[v..]);
            d1.CopyTo(s2[(v + width)..]);
            e0.CopyTo(s3[v..]);
            e1.CopyTo(s3[(v + width)..]);
        }

        return v;
    }

    /// <summary>One sum, for the few that are left over and for the ends of tensors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddOne(Span<float> sum, ReadOnlySpan<float> tile, ReadOnlySpan<float> coefficients)
    {
        int v = 0;
        for (; v + Vector<float>.Count <= sum.Length; v += Vector<float>.Count)
        {
            var total = new Vector<float>(sum[v..]);
            for (int i = 0; i < coefficients.Length; i++)
            {
                total += new Vector<float>(tile[(i * Tile + v)..]) * new Vector<float>(coefficients[i]);
            }

            total.CopyTo(sum[v..]);
        }

        for (; v < sum.Length; v++)
        {
            for (int i = 0; i < coefficients.Length; i++)
            {
                sum[v] += tile[i * Tile + v] * coefficients[i];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float>, Vector512<float>, Vector512<float>, Vector512<float>) Load(ReadOnlySpan<float> from)
        => (Vector512.Create(from), Vector512.Create(from[16..]), Vector512.Create(from[32..]), Vector512.Create(from[48..]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Span<float> to, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3)
    {
        v0.CopyTo(to);
        v1.CopyTo(to[16..]);
        v2.CopyTo(to[32..]);
        v3.CopyTo(to[48..]);
    }
}
