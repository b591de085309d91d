using MathNet.Numerics.LinearAlgebra;

namespace Diffusion.Evaluation.Sweeps;

/// <summary>
/// What a few measurements say about the metric as a function of log length: a parabola, the smooth departures from it that they allow, and noise. Measurements with the
/// same seeds have an offset of their own in common. How smooth and how noisy the curve is, is not assumed: every combination counts by how well it explains the measurements.
/// </summary>
/// <remarks>
/// A Gaussian process around a quadratic with a flat prior: Rasmussen and Williams, Gaussian Processes for Machine Learning, section 2.7; the scale's prior is 1/s², so
/// curves are Student-t distributed. Where the minimum lies is read off curves drawn from it, always the same ones.
/// </remarks>
internal sealed class LengthCurve
{
    private const int GridPoints = 61;
    private const int Draws = 600;
    private const double Quantile = 0.025;
    private const double FlatShare = 0.85;
    private const double Reach = 10;
    private const double Normal95 = 1.959963984540054;
    private static readonly double[] Smoothness = [0.7, 1.0, 1.5, 2.2, 3.3];
    private static readonly double[] NoiseShares = [1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 10];

    private readonly double[] x;
    private readonly double[] y;
    private readonly int[] repetitions;
    private readonly double[] grid;
    private readonly Matrix<double> basis;
    private readonly Matrix<double> gridBasis;
    private readonly double meanOffset;
    private readonly double floor;
    private readonly double reach;
    private readonly bool isCompressed;
    private readonly double scale;
    private readonly double shift;

    private LengthCurve(IReadOnlyList<LengthMeasurement> measurements, double low, double high)
    {
        x = [.. measurements.Select(m => Math.Log(m.RelativeStd))];
        repetitions = [.. measurements.Select(m => m.Repetition)];
        int[] sets = [.. repetitions.Distinct().Order()];
        double[] offsets = [.. sets.Select(set => Offset(measurements, set))];
        meanOffset = offsets.Average();
        double[] aligned = [.. measurements.Select(m => m.Value - offsets[Array.IndexOf(sets, m.Repetition)])];

        // Far from its minimum a curve may be a thousand times as steep. Compressing what lies high moves no minimum, and leaves what lies low as it is.
        double[] ordered = [.. aligned.Order()];
        floor = ordered[0];
        reach = Math.Max(Reach * (ordered[ordered.Length / 2] - floor), 1e-9 * (ordered[^1] - floor));
        double[] compressed = [.. aligned.Select(v => ordered[^1] - floor > reach ? reach * Math.Log(1 + ((v - floor) / reach)) : v - floor)];
        isCompressed = ordered[^1] - floor > reach;
        shift = compressed.Average();
        scale = compressed.Max() - compressed.Min();
        y = [.. compressed.Select(v => (v - shift) / scale)];
        double centre = Math.Log(low * high) / 2;
        grid = [.. Enumerable.Range(0, GridPoints).Select(i => Math.Log(low) + (i * Math.Log(high / low) / (GridPoints - 1)))];

        // Columns: one offset for each set of seeds, then the line and the square. On the grid the offsets are the mean of all sets'.
        basis = Matrix<double>.Build.Dense(x.Length, sets.Length + 2, (i, j) => j < sets.Length ? repetitions[i] == sets[j] ? 1 : 0 : Math.Pow(x[i] - centre, j - sets.Length + 1));
        gridBasis = Matrix<double>.Build.Dense(GridPoints, sets.Length + 2, (i, j) => j < sets.Length ? 1.0 / sets.Length : Math.Pow(grid[i] - centre, j - sets.Length + 1));
    }

    /// <summary>The best length; null where there are too few measurements to say.</summary>
    /// <param name="measurements">Finite values.</param>
    /// <param name="low">Shortest length of the range.</param>
    /// <param name="high">Longest length.</param>
    public static LengthEstimate? Estimate(IReadOnlyList<LengthMeasurement> measurements, double low, double high)
    {
        int lengths = measurements.Select(m => m.RelativeStd).Distinct().Count();
        int sets = measurements.Select(m => m.Repetition).Distinct().Count();
        if (lengths < 4 || measurements.Count < sets + 3)
        {
            return null;
        }

        double range = measurements.Max(m => m.Value) - measurements.Min(m => m.Value);
        return range <= 1e-12 * measurements.Max(m => Math.Abs(m.Value)) ? Level(measurements, low, high) : new LengthCurve(measurements, low, high).Estimate(measurements);
    }

    private static LengthEstimate Level(IReadOnlyList<LengthMeasurement> measurements, double low, double high)
    {
        double value = measurements[0].Value;
        double error = Normal95 * CommonError(measurements);
        return new LengthEstimate(LengthVerdict.Flat, Math.Sqrt(low * high), low, high, value, value - error, value + error, 0, 0);
    }

    // What the measurements themselves say of their noise, offsets of seeds included.
    private static double CommonError(IReadOnlyList<LengthMeasurement> measurements)
    {
        int sets = measurements.Select(m => m.Repetition).Distinct().Count();
        return Math.Sqrt(measurements.Average(m => m.StandardError.GetValueOrDefault() * m.StandardError.GetValueOrDefault()) / sets);
    }

    private LengthEstimate Estimate(IReadOnlyList<LengthMeasurement> measurements)
    {
        var models = (from smoothness in Smoothness from share in NoiseShares select new Model(this, smoothness, share)).ToArray();
        double most = models.Max(m => m.LogEvidence);
        double all = models.Sum(m => Math.Exp(m.LogEvidence - most));
        var random = new Random(1);
        var minima = new List<(double At, double Value)>();
        var mean = Vector<double>.Build.Dense(GridPoints);
        double noise = 0;
        foreach (var model in models)
        {
            double weight = Math.Exp(model.LogEvidence - most) / all;
            noise += weight * model.NoiseError;
            int count = (int)Math.Round(weight * Draws);
            if (count > 0)
            {
                mean += weight * model.DrawMinima(count, random, minima);
            }
        }

        return Summary(minima, mean, noise, CommonError(measurements));
    }

    private LengthEstimate Summary(List<(double At, double Value)> minima, Vector<double> mean, double noise, double commonError)
    {
        double[] places = [.. minima.Select(m => m.At).Order()];
        double[] values = [.. minima.Select(m => m.Value).Order()];
        double At(double share) => places[Math.Clamp((int)Math.Round(share * (places.Length - 1)), 0, places.Length - 1)];
        double best = At(0.5);
        double step = grid[1] - grid[0];
        var (low, high) = (At(Quantile), At(1 - Quantile));
        var verdict = Verdict(low, high, step);
        best = verdict switch { LengthVerdict.AtShortEnd => grid[0], LengthVerdict.AtLongEnd => grid[^1], _ => best };
        int centre = Math.Clamp((int)Math.Round((best - grid[0]) / step), 2, GridPoints - 3);
        double curvature = (Original(mean[centre - 2]) - (2 * Original(mean[centre])) + Original(mean[centre + 2])) / (4 * step * step);
        double value = Original(values[values.Length / 2]);
        double spread = (Original(values[(int)((1 - Quantile) * (values.Length - 1))]) - Original(values[(int)(Quantile * (values.Length - 1))])) / 2;
        double error = Math.Sqrt((spread * spread) + (Normal95 * commonError * Normal95 * commonError));
        return new LengthEstimate(verdict, Math.Exp(best), Math.Exp(low), Math.Exp(high), value, value - error, value + error, Math.Max(0, curvature), noise * scale);
    }

    // The best length is at an end where the interval reaches it and nothing was measured that is lower.
    private LengthVerdict Verdict(double low, double high, double step)
    {
        double lowest = x[Array.IndexOf(y, y.Min())];
        return high - low >= FlatShare * (grid[^1] - grid[0]) ? LengthVerdict.Flat
            : low <= grid[0] + (step / 2) && lowest <= grid[0] + (step / 2) ? LengthVerdict.AtShortEnd
            : high >= grid[^1] - (step / 2) && lowest >= grid[^1] - (step / 2) ? LengthVerdict.AtLongEnd
            : LengthVerdict.Inside;
    }

    // By how much a set of seeds differs from the largest one, at the lengths that both have.
    private static double Offset(IReadOnlyList<LengthMeasurement> measurements, int set)
    {
        var largest = measurements.GroupBy(m => m.Repetition).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).First();
        double[] differences = [.. from a in measurements where a.Repetition == set from b in largest where b.RelativeStd == a.RelativeStd select a.Value - b.Value];
        return differences.Length > 0 ? differences.Average() : 0;
    }

    private double Original(double value)
    {
        double height = shift + (scale * value);
        return meanOffset + floor + (isCompressed ? reach * (Math.Exp(height / reach) - 1) : height);
    }

    /// <summary>One assumption about smoothness and noise, and what follows from it.</summary>
    private sealed class Model
    {
        private const double Jitter = 1e-9;

        private readonly LengthCurve curve;
        private readonly double smoothness;
        private readonly MathNet.Numerics.LinearAlgebra.Factorization.Cholesky<double> covariance;
        private readonly MathNet.Numerics.LinearAlgebra.Factorization.Cholesky<double> information;
        private readonly Matrix<double> solvedBasis;
        private readonly Vector<double> coefficients;
        private readonly Vector<double> solvedResidual;
        private readonly int freedom;
        private readonly double variance;

        public Model(LengthCurve curve, double smoothness, double noiseShare)
        {
            (this.curve, this.smoothness) = (curve, smoothness);
            var values = Vector<double>.Build.Dense(curve.y);
            int n = values.Count;
            covariance = (Kernel(curve.x, curve.x) + Matrix<double>.Build.DenseDiagonal(n, noiseShare + Jitter)).Cholesky();
            solvedBasis = covariance.Solve(curve.basis);
            information = curve.basis.TransposeThisAndMultiply(solvedBasis).Cholesky();
            coefficients = information.Solve(solvedBasis.TransposeThisAndMultiply(values));
            var residual = values - (curve.basis * coefficients);
            solvedResidual = covariance.Solve(residual);
            freedom = n - curve.basis.ColumnCount;
            double squares = Math.Max(residual * solvedResidual, 1e-18);
            variance = squares / freedom;
            NoiseError = Math.Sqrt(variance * noiseShare);
            LogEvidence = -0.5 * (covariance.DeterminantLn + information.DeterminantLn + (freedom * Math.Log(squares)));
        }

        public double LogEvidence { get; }

        public double NoiseError { get; }

        /// <summary>Draws curves and notes the minimum of each; returns their mean.</summary>
        public Vector<double> DrawMinima(int count, Random random, List<(double At, double Value)> minima)
        {
            var cross = Kernel(curve.grid, curve.x);
            var mean = (curve.gridBasis * coefficients) + (cross * solvedResidual);
            var rest = curve.gridBasis - (cross * solvedBasis);
            var spread = Kernel(curve.grid, curve.grid) - (cross * covariance.Solve(cross.Transpose())) + (rest * information.Solve(rest.Transpose()));
            var root = Root(spread) * Math.Sqrt(variance);
            for (int i = 0; i < count; i++)
            {
                var normal = Vector<double>.Build.Dense(curve.grid.Length, _ => Normal(random));
                double chi = Enumerable.Range(0, freedom).Sum(_ => Math.Pow(Normal(random), 2)) / freedom;
                minima.Add(Minimum(mean + (root * normal / Math.Sqrt(chi))));
            }

            return mean;
        }

        private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

        // Rounding may take a covariance of very smooth curves out of the positive; the least that brings it back is added.
        private static Matrix<double> Root(Matrix<double> spread)
        {
            for (double jitter = Jitter; ; jitter *= 10)
            {
                try
                {
                    return (spread + Matrix<double>.Build.DenseDiagonal(spread.RowCount, jitter)).Cholesky().Factor;
                }
                catch (ArgumentException) when (jitter < 1e-3)
                {
                    continue;
                }
            }
        }

        // Between grid points the minimum is that of the parabola through three.
        private (double At, double Value) Minimum(Vector<double> values)
        {
            int i = values.MinimumIndex();
            if (i == 0 || i == values.Count - 1)
            {
                return (curve.grid[i], values[i]);
            }

            double bend = values[i - 1] - (2 * values[i]) + values[i + 1];
            double share = bend > 0 ? Math.Clamp(0.5 * (values[i - 1] - values[i + 1]) / bend, -0.5, 0.5) : 0;
            return (curve.grid[i] + (share * (curve.grid[1] - curve.grid[0])), values[i] - (0.5 * bend * share * share));
        }

        private Matrix<double> Kernel(double[] a, double[] b) => Matrix<double>.Build.Dense(a.Length, b.Length, (i, j) => Math.Exp(-0.5 * Math.Pow((a[i] - b[j]) / smoothness, 2)));
    }
}
