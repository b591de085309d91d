using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>
/// sum += x₀·c₀, then += x₁·c₁, …: float32, product and sum rounded separately, in the order of the inputs. The result is therefore the same
/// for any vector width, chunk size and number of threads.
/// </summary>
internal static class WeightedSum
{
    /// <summary>Values handled at a time, so that the sums of all targets find the inputs in the cache.</summary>
    public const int Tile = 4096;

    public static void Add(Span<float> sum, ReadOnlySpan<float[]> inputs, int first, ReadOnlySpan<float> coefficients)
    {
        int i = 0;
        for (; i + 4 <= coefficients.Length; i += 4)
        {
            AddFour(sum, Part(inputs[i], first, sum), Part(inputs[i + 1], first, sum), Part(inputs[i + 2], first, sum), Part(inputs[i + 3], first, sum), coefficients.Slice(i, 4));
        }

        for (; i < coefficients.Length; i++)
        {
            AddOne(sum, Part(inputs[i], first, sum), coefficients[i]);
        }
    }

    private static ReadOnlySpan<float> Part(float[] input, int first, ReadOnlySpan<float> sum) => input.AsSpan(first, sum.Length);

    /// <summary>Four inputs per pass over the sums: the sums are loaded and stored a quarter as often.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddFour(Span<float> sum, ReadOnlySpan<float> x0, ReadOnlySpan<float> x1, ReadOnlySpan<float> x2, ReadOnlySpan<float> x3, ReadOnlySpan<float> c)
    {
        var (c0, c1, c2, c3) = (c[0], c[1], c[2], c[3]);
        var v0 = Vectors(x0);
        var v1 = Vectors(x1);
        var v2 = Vectors(x2);
        var v3 = Vectors(x3);
        var sums = MemoryMarshal.Cast<float, Vector<float>>(sum);
        var (w0, w1, w2, w3) = (new Vector<float>(c0), new Vector<float>(c1), new Vector<float>(c2), new Vector<float>(c3));
        for (int v = 0; v < sums.Length && v < v0.Length && v < v1.Length && v < v2.Length && v < v3.Length; v++)
        {
            sums[v] = sums[v] + v0[v] * w0 + v1[v] * w1 + v2[v] * w2 + v3[v] * w3;
        }

        for (int i = sums.Length * Vector<float>.Count; i < sum.Length; i++)
        {
            sum[i] = sum[i] + x0[i] * c0 + x1[i] * c1 + x2[i] * c2 + x3[i] * c3;
        }
    }

    private static void AddOne(Span<float> sum, ReadOnlySpan<float> x, float c)
    {
        var vectors = Vectors(x);
        var sums = MemoryMarshal.Cast<float, Vector<float>>(sum);
        var w = new Vector<float>(c);
        for (int v = 0; v < sums.Length && v < vectors.Length; v++)
        {
            sums[v] += vectors[v] * w;
        }

        for (int i = sums.Length * Vector<float>.Count; i < sum.Length; i++)
        {
            sum[i] += x[i] * c;
        }
    }

    private static ReadOnlySpan<Vector<float>> Vectors(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, Vector<float>>(values);
}
