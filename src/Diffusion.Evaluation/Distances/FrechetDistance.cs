using MathNet.Numerics.LinearAlgebra;

namespace Diffusion.Evaluation.Distances;

/// <summary>Fréchet distance between the feature distributions of two sets of images (FID, FD_DINOv2).</summary>
public static class FrechetDistance
{
    /// <summary>‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2·(Σ₁Σ₂)^½), in float64; nothing is added to the diagonals.</summary>
    /// <remarks>
    /// Heusel et al., arXiv:1706.08500, section 2. tr (Σ₁Σ₂)^½ = tr (Σ₁^½ Σ₂ Σ₁^½)^½, whose argument is symmetric and positive semi-definite: two symmetric
    /// eigen-decompositions instead of a Schur decomposition of the product, stable also where the covariances are rank-deficient (fewer images than features).
    /// </remarks>
    /// <exception cref="ArgumentException">The dimensions differ.</exception>
    public static double Between(FeatureDistribution a, FeatureDistribution b)
    {
        if (a.Mean.Length != b.Mean.Length)
        {
            throw new ArgumentException($"Distributions of {a.Mean.Length} and of {b.Mean.Length} features cannot be compared; they come from different feature networks.");
        }

        var first = Matrix<double>.Build.DenseOfArray(a.Covariance);
        var second = Matrix<double>.Build.DenseOfArray(b.Covariance);
        var root = SquareRoot(first);
        var inner = root * second * root;
        double traceOfRoot = Eigenvalues((inner + inner.Transpose()) / 2).Sum(Math.Sqrt);
        double means = a.Mean.Zip(b.Mean).Sum(p => (p.First - p.Second) * (p.First - p.Second));
        return means + first.Trace() + second.Trace() - (2 * traceOfRoot);
    }

    private static Matrix<double> SquareRoot(Matrix<double> covariance)
    {
        var decomposition = covariance.Evd(Symmetricity.Symmetric);
        var scaled = decomposition.EigenVectors.Clone();
        for (int j = 0; j < scaled.ColumnCount; j++)
        {
            double scale = Math.Sqrt(Math.Max(0, decomposition.EigenValues[j].Real));
            scaled.SetColumn(j, scaled.Column(j) * scale);
        }

        return scaled.TransposeAndMultiply(decomposition.EigenVectors);
    }

    // Rounding makes eigenvalues that are zero slightly negative.
    private static IEnumerable<double> Eigenvalues(Matrix<double> symmetric) =>
        symmetric.Evd(Symmetricity.Symmetric).EigenValues.Select(v => Math.Max(0, v.Real));
}
