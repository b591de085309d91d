namespace Diffusion.Evaluation.Distances;

/// <summary>A sliced Wasserstein distance.</summary>
/// <param name="Value">Mean over directions of the one-dimensional Wasserstein-1 distance.</param>
/// <param name="StandardError">By leaving out an eighth of the images in turn; null for fewer than 16 images.</param>
public readonly record struct SlicedWassersteinResult(double Value, double? StandardError);

/// <summary>Sliced Wasserstein-1 distance between projections of two sets of images.</summary>
/// <remarks>
/// Rabin et al. 2011. In one dimension W₁ = ∫₀¹ |F⁻¹(q) − G⁻¹(q)| dq, evaluated at <see cref="QuantileCount"/> midpoints, so that sets of different size compare
/// and a reference is a small table. Its bias falls like 1/√n, not 1/n: compare equal n only.
/// </remarks>
public static class SlicedWasserstein
{
    /// <summary>Quantiles kept of each direction.</summary>
    public const int QuantileCount = 512;

    private const int Groups = 8;

    /// <summary>Quantiles of every coordinate at q = (k + ½)/512.</summary>
    /// <param name="projections">[n, D].</param>
    /// <param name="dimension">D.</param>
    /// <returns>[D, 512].</returns>
    public static float[] Quantiles(ReadOnlySpan<float> projections, int dimension)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        return Quantiles(Rows(projections, dimension)).contiguous().data<float>().ToArray();
    }

    /// <summary>The distance of a set to a reference.</summary>
    /// <param name="projections">[n, D], in the order of their seeds.</param>
    /// <param name="dimension">D.</param>
    /// <param name="reference">Quantiles of the reference, [D, 512].</param>
    /// <exception cref="ArgumentException">The reference is of another dimension.</exception>
    public static SlicedWassersteinResult Between(ReadOnlySpan<float> projections, int dimension, ReadOnlySpan<float> reference)
    {
        if (reference.Length != dimension * QuantileCount)
        {
            throw new ArgumentException($"A reference of {reference.Length / QuantileCount} directions cannot be compared with {dimension}.", nameof(reference));
        }

        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var rows = Rows(projections, dimension);
        var target = torch.tensor(reference.ToArray()).reshape(dimension, QuantileCount);
        int count = (int)rows.shape[0];
        double value = Distance(rows, target);
        if (count < 2 * Groups)
        {
            return new SlicedWassersteinResult(value, null);
        }

        double[] without = [.. Enumerable.Range(0, Groups).Select(left => Distance(rows.index_select(0, torch.tensor(Enumerable.Range(0, count).Where(i => i % Groups != left).Select(i => (long)i).ToArray())), target))];
        double mean = without.Average();
        return new SlicedWassersteinResult(value, Math.Sqrt((Groups - 1.0) / Groups * without.Sum(v => (v - mean) * (v - mean))));
    }

    private static Tensor Rows(ReadOnlySpan<float> projections, int dimension) => torch.tensor(projections.ToArray()).reshape(-1, dimension);

    private static double Distance(Tensor rows, Tensor reference)
    {
        using var scope = torch.NewDisposeScope();
        return Quantiles(rows).sub(reference).abs().to(ScalarType.Float64).mean().ToDouble();
    }

    // Between order statistics, linearly: that of rank r stands for q = (r + ½)/n.
    private static Tensor Quantiles(Tensor rows)
    {
        long count = rows.shape[0];
        var sorted = rows.t().contiguous().sort(1).Values;
        double[] places = [.. Enumerable.Range(0, QuantileCount).Select(k => Math.Clamp(((k + 0.5) / QuantileCount * count) - 0.5, 0, count - 1))];
        var low = torch.tensor(places.Select(p => (long)p).ToArray());
        var high = torch.tensor(places.Select(p => Math.Min((long)p + 1, count - 1)).ToArray());
        var share = torch.tensor(places.Select(p => (float)(p - Math.Floor(p))).ToArray());
        var at = sorted.index_select(1, low);
        return at.add(sorted.index_select(1, high).sub(at).mul(share));
    }
}
