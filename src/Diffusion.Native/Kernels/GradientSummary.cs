namespace Diffusion.Native;

/// <summary>What one pass over a buffer says about it.</summary>
/// <param name="SumOfSquares">Σ x² over the finite values, in double precision, with the same bits for any number of threads.</param>
/// <param name="NonFiniteCount">How many values are NaN or infinite.</param>
public readonly record struct GradientSummary(double SumOfSquares, long NonFiniteCount)
{
    /// <summary>Euclidean norm of the finite values.</summary>
    public double Norm => Math.Sqrt(SumOfSquares);

    /// <summary>Whether every value is finite.</summary>
    public bool IsFinite => NonFiniteCount == 0;
}
