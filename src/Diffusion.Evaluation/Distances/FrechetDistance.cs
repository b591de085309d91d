namespace Diffusion.Evaluation.Distances;

/// <summary>Fréchet distance between the feature distributions of two sets of images (FID, FD_DINOv2).</summary>
/// <remarks>An instance holds what the distance to one distribution needs, for those who measure many against it.</remarks>
public sealed class FrechetDistance
{
    private readonly FeatureDistribution reference;
    private readonly double[] root;
    private readonly double trace;

    /// <summary>Distances to one distribution.</summary>
    public FrechetDistance(FeatureDistribution reference)
    {
        this.reference = reference;
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var covariance = Matrix(reference);
        var (values, vectors) = torch.linalg.eigh(covariance);
        root = vectors.mul(values.clamp_min(0).sqrt()).mm(vectors.t()).contiguous().data<double>().ToArray();
        trace = covariance.trace().ToDouble();
    }

    /// <summary>‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2·(Σ₁Σ₂)^½), in float64; nothing is added to the diagonals.</summary>
    /// <remarks>
    /// Heusel et al., arXiv:1706.08500, section 2. tr (Σ₁Σ₂)^½ = tr (Σ₁^½ Σ₂ Σ₁^½)^½, whose argument is symmetric and positive semi-definite: two symmetric
    /// eigen-decompositions instead of a Schur decomposition of the product, stable also where the covariances are rank-deficient (fewer images than features).
    /// </remarks>
    /// <exception cref="ArgumentException">The dimensions differ.</exception>
    public static double Between(FeatureDistribution a, FeatureDistribution b) => new FrechetDistance(b).From(a);

    /// <summary>The distance of another distribution.</summary>
    /// <exception cref="ArgumentException">The dimensions differ.</exception>
    public double From(FeatureDistribution other)
    {
        int dimension = reference.Mean.Length;
        if (other.Mean.Length != dimension)
        {
            throw new ArgumentException($"Distributions of {other.Mean.Length} and of {dimension} features cannot be compared; they come from different feature networks.");
        }

        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var covariance = Matrix(other);
        var half = torch.tensor(root).reshape(dimension, dimension);
        var inner = half.mm(covariance).mm(half);

        // Rounding makes eigenvalues that are zero slightly negative.
        double traceOfRoot = torch.linalg.eigvalsh(inner.add(inner.t()).div(2)).clamp_min(0).sqrt().sum().ToDouble();
        double means = other.Mean.Zip(reference.Mean).Sum(p => (p.First - p.Second) * (p.First - p.Second));
        return means + covariance.trace().ToDouble() + trace - (2 * traceOfRoot);
    }

    private static Tensor Matrix(FeatureDistribution distribution) => torch.tensor(distribution.Covariance);
}
