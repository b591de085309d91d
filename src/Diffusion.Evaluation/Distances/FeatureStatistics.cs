using System.Numerics.Tensors;

namespace Diffusion.Evaluation.Distances;

/// <summary>Mean and covariance of feature vectors, accumulated in float64.</summary>
/// <remarks>
/// μ = Σf/n, Σ = (Σffᵀ − n·μμᵀ)/(n − 1). Vectors are summed in blocks of <see cref="BlockVectors"/> in the order they come, so the sums do not depend
/// on how many arrive at once. Sums of several parts add up with <see cref="Merge"/>; in a fixed order of parts the result has fixed bits.
/// </remarks>
public sealed class FeatureStatistics
{
    private const int BlockVectors = 256;

    private readonly double[] sum;
    private readonly double[] outer;
    private readonly double[] block;
    private long summed;
    private int pending;

    /// <summary>Empty sums.</summary>
    /// <param name="dimension">Length of a feature vector.</param>
    public FeatureStatistics(int dimension)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dimension, 1 << 14);
        Dimension = dimension;
        sum = new double[dimension];
        outer = new double[dimension * dimension];
        block = new double[BlockVectors * dimension];
    }

    /// <summary>Length of a feature vector.</summary>
    public int Dimension { get; }

    /// <summary>Vectors seen, n.</summary>
    public long Count => summed + pending;

    /// <summary>Adds feature vectors.</summary>
    /// <param name="features">One or more vectors, one after the other.</param>
    /// <exception cref="ArgumentException">The length is no multiple of the dimension, or a value is not finite.</exception>
    public void Add(ReadOnlySpan<float> features)
    {
        if (features.Length % Dimension != 0)
        {
            throw new ArgumentException($"{features.Length} values are no whole number of vectors of {Dimension}.", nameof(features));
        }

        for (; features.Length > 0; features = features[Dimension..])
        {
            var row = block.AsSpan(pending * Dimension, Dimension);
            TensorPrimitives.ConvertChecked(features[..Dimension], row);
            if (!double.IsFinite(TensorPrimitives.Sum<double>(row)))
            {
                throw new ArgumentException($"Feature vector {Count} holds a value that is not finite; statistics of it would mean nothing.");
            }

            if (++pending == BlockVectors)
            {
                SumBlock();
            }
        }
    }

    /// <summary>Adds another part's sums.</summary>
    /// <exception cref="ArgumentException">The dimensions differ.</exception>
    public void Merge(FeatureStatistics other)
    {
        if (other.Dimension != Dimension)
        {
            throw new ArgumentException($"Statistics of {other.Dimension} and of {Dimension} features cannot be merged; they come from different feature networks.", nameof(other));
        }

        SumBlock();
        other.SumBlock();
        TensorPrimitives.Add(sum, other.sum, sum);
        TensorPrimitives.Add(outer, other.outer, outer);
        summed += other.summed;
    }

    /// <summary>μ and Σ of the vectors seen.</summary>
    /// <exception cref="InvalidOperationException">Fewer than two vectors were added.</exception>
    public FeatureDistribution Distribution()
    {
        if (Count < 2)
        {
            throw new InvalidOperationException($"{Count} feature vectors have no covariance; at least 2 are needed.");
        }

        SumBlock();
        var mean = new double[Dimension];
        TensorPrimitives.Divide(sum, Count, mean);
        var covariance = new double[Dimension, Dimension];
        for (int i = 0; i < Dimension; i++)
        {
            for (int j = i; j < Dimension; j++)
            {
                covariance[i, j] = covariance[j, i] = (outer[(i * Dimension) + j] - (Count * mean[i] * mean[j])) / (Count - 1);
            }
        }

        return new FeatureDistribution(mean, covariance);
    }

    // Products of two float32 values are exact in float64; only their sums round.
    private void SumBlock()
    {
        if (pending == 0)
        {
            return;
        }

        for (int i = 0; i < pending; i++)
        {
            TensorPrimitives.Add(sum, block.AsSpan(i * Dimension, Dimension), sum);
        }

        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var rows = torch.tensor(block).narrow(0, 0, pending * Dimension).reshape(pending, Dimension);
        TensorPrimitives.Add(outer, rows.t().mm(rows).contiguous().data<double>().ToArray(), outer);
        summed += pending;
        pending = 0;
    }
}

/// <summary>The normal distribution that stands for a set of images.</summary>
/// <param name="Mean">μ, [D].</param>
/// <param name="Covariance">Σ, [D, D].</param>
public sealed record FeatureDistribution(double[] Mean, double[,] Covariance);
