namespace Diffusion.Evaluation.Distances;

/// <summary>A kernel distance.</summary>
/// <param name="Value">Unbiased estimate of the squared maximum mean discrepancy; may be negative.</param>
/// <param name="StandardError">Of that estimate, to first order in 1/n.</param>
public readonly record struct KernelDistanceResult(double Value, double StandardError);

/// <summary>Kernel distance between the features of two sets of images (KID).</summary>
/// <remarks>Bińkowski et al., arXiv:1801.01401, section 3 and appendix D. Its expectation does not depend on n, so there is nothing to extrapolate.</remarks>
public static class KernelDistance
{
    /// <summary>Largest part whose kernel matrix is evaluated whole.</summary>
    public const int DefaultPartSize = 5000;

    private const int BlockRows = 512;

    /// <summary>
    /// MMD² = Σ_{i≠j} k(x_i, x_j)/(m(m−1)) + Σ_{i≠j} k(y_i, y_j)/(n(n−1)) − 2·mean k(x_i, y_j) with k(x, y) = (x·y/D + 1)³, in float64;
    /// the mean over as many nearly equal consecutive parts as <paramref name="partSize"/> demands.
    /// </summary>
    /// <param name="x">Features of one set, [m, D].</param>
    /// <param name="y">Features of the other, [n, D].</param>
    /// <param name="dimension">D.</param>
    /// <param name="partSize">Most vectors of a part.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <exception cref="ArgumentException">A part has fewer than two vectors of a set.</exception>
    public static KernelDistanceResult Between(ReadOnlySpan<float> x, ReadOnlySpan<float> y, int dimension, int partSize = DefaultPartSize, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(partSize, 2);
        (int countX, int countY) = (x.Length / dimension, y.Length / dimension);
        int parts = (Math.Max(countX, countY) + partSize - 1) / partSize;
        if (parts == 0 || countX / parts < 2 || countY / parts < 2)
        {
            throw new ArgumentException($"Sets of {countX} and of {countY} vectors in parts of at most {partSize} leave fewer than 2 to a part. Give more images, or a larger part.");
        }

        using var guard = torch.no_grad();
        double sum = 0;
        double variance = 0;
        for (int part = 0; part < parts; part++)
        {
            var (value, partVariance) = OfPart(Part(x, part, parts, dimension), Part(y, part, parts, dimension), cancellationToken);
            sum += value;
            variance += partVariance;
        }

        return new KernelDistanceResult(sum / parts, Math.Sqrt(variance) / parts);
    }

    private static Tensor Part(ReadOnlySpan<float> vectors, int part, int parts, int dimension)
    {
        int count = vectors.Length / dimension;
        int from = Border(part, parts, count);
        int to = Border(part + 1, parts, count);
        return torch.tensor(vectors[(from * dimension)..(to * dimension)].ToArray()).to(ScalarType.Float64).reshape(to - from, dimension);
    }

    // Borders of parts are rounded half to even, as they were where the recorded numbers come from.
    private static int Border(int part, int parts, int count) => (int)Math.Round((double)part * count / parts, MidpointRounding.ToEven);

    private static (double Value, double Variance) OfPart(Tensor x, Tensor y, CancellationToken cancellationToken)
    {
        using (x)
        using (y)
        {
            long m = x.shape[0];
            long n = y.shape[0];
            double[] xx = RowSums(x, x, excludeSelf: true, cancellationToken);
            double[] yy = RowSums(y, y, excludeSelf: true, cancellationToken);
            double[] xy = RowSums(x, y, excludeSelf: false, cancellationToken);
            double[] yx = RowSums(y, x, excludeSelf: false, cancellationToken);
            double value = (xx.Sum() / ((double)m * (m - 1))) + (yy.Sum() / ((double)n * (n - 1))) - (2 * xy.Sum() / ((double)m * n));

            // Hoeffding's decomposition: what one vector contributes is twice its mean difference to the two sets.
            double fromX = Variance(xx.Zip(xy, (a, b) => (a / (m - 1)) - (b / n)));
            double fromY = Variance(yy.Zip(yx, (a, b) => (a / (n - 1)) - (b / m)));
            return (value, 4 * ((fromX / m) + (fromY / n)));
        }
    }

    private static double[] RowSums(Tensor a, Tensor b, bool excludeSelf, CancellationToken cancellationToken)
    {
        var sums = new double[a.shape[0]];
        for (int first = 0; first < sums.Length; first += BlockRows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            int count = Math.Min(BlockRows, sums.Length - first);
            var rows = a.narrow(0, first, count);
            var block = Kernel(rows.mm(b.t()), a.shape[1]).sum(1);
            if (excludeSelf)
            {
                block = block.sub(Kernel(rows.mul(rows).sum(1), a.shape[1]));
            }

            block.data<double>().ToArray().CopyTo(sums, first);
        }

        return sums;
    }

    private static Tensor Kernel(Tensor products, long dimension) => products.div(dimension).add(1).pow(3);

    private static double Variance(IEnumerable<double> values)
    {
        double[] all = [.. values];
        double mean = all.Average();
        return all.Sum(v => (v - mean) * (v - mean)) / (all.Length - 1);
    }
}
