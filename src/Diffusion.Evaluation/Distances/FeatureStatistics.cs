using System.Numerics.Tensors;

namespace Diffusion.Evaluation.Distances;

/// <summary>Mean and covariance of feature vectors, accumulated in float64.</summary>
/// <remarks>μ = Σf/n, Σ = (Σffᵀ − n·μμᵀ)/(n − 1). Sums of several processes add up with <see cref="Merge"/>.</remarks>
public sealed class FeatureStatistics
{
    private readonly double[] sum;
    private readonly double[] outer;
    private readonly double[] row;

    /// <summary>Empty sums.</summary>
    /// <param name="dimension">Length of a feature vector.</param>
    public FeatureStatistics(int dimension)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        Dimension = dimension;
        sum = new double[dimension];
        outer = new double[dimension * dimension];
        row = new double[dimension];
    }

    /// <summary>Length of a feature vector.</summary>
    public int Dimension { get; }

    /// <summary>Vectors seen, n.</summary>
    public long Count { get; private set; }

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
            TensorPrimitives.ConvertChecked(features[..Dimension], row);
            AddRow();
        }
    }

    private void AddRow()
    {
        if (!double.IsFinite(TensorPrimitives.Sum<double>(row)))
        {
            throw new ArgumentException($"Feature vector {Count} holds a value that is not finite; statistics of it would mean nothing.");
        }

        TensorPrimitives.Add(sum, row, sum);

        // The upper triangle is enough.
        for (int i = 0; i < Dimension; i++)
        {
            var target = outer.AsSpan((i * Dimension) + i, Dimension - i);
            TensorPrimitives.MultiplyAdd(row.AsSpan(i), row[i], target, target);
        }

        Count++;
    }

    /// <summary>Adds another process' sums.</summary>
    /// <exception cref="ArgumentException">The dimensions differ.</exception>
    public void Merge(FeatureStatistics other)
    {
        if (other.Dimension != Dimension)
        {
            throw new ArgumentException($"Statistics of {other.Dimension} and of {Dimension} features cannot be merged; they come from different feature networks.", nameof(other));
        }

        TensorPrimitives.Add(sum, other.sum, sum);
        TensorPrimitives.Add(outer, other.outer, outer);
        Count += other.Count;
    }

    /// <summary>μ and Σ of the vectors seen.</summary>
    /// <exception cref="InvalidOperationException">Fewer than two vectors were added.</exception>
    public FeatureDistribution Distribution()
    {
        if (Count < 2)
        {
            throw new InvalidOperationException($"{Count} feature vectors have no covariance; at least 2 are needed.");
        }

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
}

/// <summary>The normal distribution that stands for a set of images.</summary>
/// <param name="Mean">μ, [D].</param>
/// <param name="Covariance">Σ, [D, D].</param>
public sealed record FeatureDistribution(double[] Mean, double[,] Covariance);
