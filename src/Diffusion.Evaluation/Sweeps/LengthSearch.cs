namespace Diffusion.Evaluation.Sweeps;

/// <summary>What a search looks through, and when it is content.</summary>
public sealed record LengthSearchOptions
{
    /// <summary>Shortest length.</summary>
    /// <value>0.015.</value>
    public double Low { get; init; } = 0.015;

    /// <summary>Longest length.</summary>
    /// <value>0.25.</value>
    public double High { get; init; } = 0.25;

    /// <summary>Most evaluations it asks for.</summary>
    /// <value>8.</value>
    public int MaxEvaluations { get; init; } = 8;

    /// <summary>Half the width, in log length, that the interval of the best length may have: 0.1 is 10 % either way.</summary>
    /// <value>0.1.</value>
    public double Tolerance { get; init; } = 0.1;

    /// <summary>Lengths are multiples of this; names of snapshots have three decimals.</summary>
    /// <value>0.001.</value>
    public double Step { get; init; } = 0.001;

    /// <summary>Whether other seeds may be asked for. A loss with fixed noise has no others.</summary>
    /// <value>True.</value>
    public bool MayRepeat { get; init; } = true;
}

/// <summary>
/// Finds the best EMA length with few evaluations: four over the range, then one after another, each at the minimum of the parabola in log length through the lowest point and its
/// neighbours, kept apart from what is measured already. Where lengths next to the minimum differ from it by no more than their noise, the last evaluations go to other seeds.
/// Pure: it says what to measure next, and is told.
/// </summary>
public sealed class LengthSearch
{
    private const int FirstProbes = 4;
    private const int Enough = 6;
    private const double ShareOfNoise = 0.25;
    private const double RepeatDistance = 0.35;

    private readonly LengthSearchOptions options;
    private readonly List<LengthMeasurement> measurements;

    /// <summary>Begins a search.</summary>
    /// <param name="options">The range, and how far to go.</param>
    /// <param name="known">What is measured already, under the same conditions; lengths outside the range are not used.</param>
    /// <exception cref="ArgumentException">The range is none: its ends must be positive, the upper at least 1.2 times the lower.</exception>
    public LengthSearch(LengthSearchOptions options, IEnumerable<LengthMeasurement>? known = null)
    {
        if (!(options.Low > 0 && options.High >= 1.2 * options.Low && double.IsFinite(options.High)))
        {
            throw new ArgumentException(FormattableString.Invariant($"A search from {options.Low} to {options.High} has no room: the longest length must be at least 1.2 times the shortest, which is above 0."), nameof(options));
        }

        this.options = options;
        measurements = [.. (known ?? []).Where(m => m.RelativeStd >= options.Low && m.RelativeStd <= options.High)];
    }

    /// <summary>All that is known, in the order in which it became so.</summary>
    public IReadOnlyList<LengthMeasurement> Measurements => measurements;

    /// <summary>How many evaluations were asked for and told.</summary>
    public int Evaluations { get; private set; }

    /// <summary>Tells a measurement that was asked for.</summary>
    /// <exception cref="ArgumentException">It is not finite.</exception>
    public void Add(LengthMeasurement measurement)
    {
        if (!double.IsFinite(measurement.Value))
        {
            throw new ArgumentException(FormattableString.Invariant($"The value at length {measurement.RelativeStd} is {measurement.Value}; only finite ones can be compared."), nameof(measurement));
        }

        measurements.Add(measurement);
        Evaluations++;
    }

    /// <summary>What to measure next, several where their order does not matter; nothing when the search is over.</summary>
    public IReadOnlyList<LengthProbe> Next()
    {
        int left = options.MaxEvaluations - Evaluations;
        LengthProbe[] first = [.. First().Take(left)];
        if (first.Length > 0 || left <= 0)
        {
            return first;
        }

        // Between equal values there is nothing to find.
        double range = measurements.Max(m => m.Value) - measurements.Min(m => m.Value);
        if (range <= 1e-12 * measurements.Max(m => Math.Abs(m.Value)))
        {
            return [];
        }

        var curve = Curve();
        int lowest = Lowest(curve);
        if (measurements.Count >= Enough && Estimate() is { } estimate)
        {
            if (estimate.LogWidth <= 2 * options.Tolerance)
            {
                return [];
            }

            if (options.MayRepeat && left >= 2 && estimate.Noise > ShareOfNoise * Rise(curve, lowest))
            {
                return Repeats(curve, estimate);
            }
        }

        return Proposal(curve, lowest) is { } length ? [new LengthProbe(length, curve[lowest].Repetition)] : [];
    }

    /// <summary>The best length as far as it is known; null after fewer than four lengths.</summary>
    public LengthEstimate? Estimate() => LengthCurve.Estimate(measurements, options.Low, options.High);

    private static int Lowest(LengthMeasurement[] curve) => Enumerable.Range(0, curve.Length).MinBy(i => curve[i].Value);

    // By how much the lowest point lies below its neighbours.
    private static double Rise(LengthMeasurement[] curve, int lowest) =>
        new[] { lowest - 1, lowest + 1 }.Where(i => i >= 0 && i < curve.Length).Average(i => curve[i].Value) - curve[lowest].Value;

    // Four lengths at equal ratios, ends included; what is known nearby takes the place of one, and where much is known the ends alone are asked for.
    private IEnumerable<LengthProbe> First()
    {
        double spacing = Math.Log(options.High / options.Low) / (FirstProbes - 1);
        return Enumerable.Range(0, FirstProbes)
            .Where(i => i is 0 or FirstProbes - 1 || measurements.Count < Enough)
            .Select(i => Math.Log(options.Low) + (i * spacing))
            .Where(x => !measurements.Any(m => Math.Abs(Math.Log(m.RelativeStd) - x) < spacing / 4))
            .Select(Snap)
            .Distinct()
            .Where(IsNew)
            .Select(length => new LengthProbe(length, 0));
    }

    // The curve of the seeds that most lengths were measured with.
    private LengthMeasurement[] Curve() => [.. measurements.GroupBy(m => m.Repetition).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).First().OrderBy(m => m.RelativeStd)];

    private double? Proposal(LengthMeasurement[] curve, int lowest)
    {
        double[] x = [.. curve.Select(m => Math.Log(m.RelativeStd))];
        double at = lowest == 0 ? x[0] + (0.4 * (x[1] - x[0]))
            : lowest == x.Length - 1 ? x[^1] - (0.4 * (x[^1] - x[^2]))
            : Vertex(x, curve, lowest);
        double length = Snap(at);

        // The nearest multiple of the step that is new.
        return new[] { 0, 1, -1, 2, -2 }.Select(d => Snap(Math.Log(length + (d * options.Step))))
            .Where(l => !curve.Any(m => Math.Abs(m.RelativeStd - l) < options.Step / 2)).Select(l => (double?)l).FirstOrDefault();
    }

    private bool IsNew(double length) => !measurements.Any(m => Math.Abs(m.RelativeStd - length) < options.Step / 2);

    private double Vertex(double[] x, LengthMeasurement[] curve, int i)
    {
        double first = (curve[i].Value - curve[i - 1].Value) / (x[i] - x[i - 1]);
        double second = (curve[i + 1].Value - curve[i].Value) / (x[i + 1] - x[i]);
        double bend = (second - first) / (x[i + 1] - x[i - 1]);
        double vertex = bend > 0 ? ((x[i - 1] + x[i]) / 2) - (first / (2 * bend)) : x[i];
        if (Math.Abs(vertex - x[i]) < options.Tolerance)
        {
            // The lowest point is the minimum, nearly: what is missing is how the curve bends on its wider side.
            bool left = x[i] - x[i - 1] > x[i + 1] - x[i];
            double side = left ? x[i] - x[i - 1] : x[i + 1] - x[i];
            vertex = x[i] + ((left ? -1 : 1) * Math.Max(options.Tolerance, 0.35 * side));
        }

        return Math.Clamp(vertex, x[i - 1] + (0.2 * (x[i] - x[i - 1])), x[i + 1] - (0.2 * (x[i + 1] - x[i])));
    }

    // One length on either side of the best, far enough from it to tell which side is lower, with seeds not used yet.
    private LengthProbe[] Repeats(LengthMeasurement[] curve, LengthEstimate estimate)
    {
        double distance = Math.Max(RepeatDistance, estimate.LogWidth / 2);
        double Near(double x) => curve.MinBy(m => Math.Abs(Math.Log(m.RelativeStd) - x)).RelativeStd;
        int set = measurements.Max(m => m.Repetition) + 1;
        double centre = Math.Log(estimate.RelativeStd);
        return [.. new[] { Near(centre - distance), Near(centre + distance) }.Distinct().Select(l => new LengthProbe(l, set))];
    }

    private double Snap(double x)
    {
        double length = Math.Round(Math.Exp(x) / options.Step) * options.Step;
        return Math.Clamp(Math.Round(length, 9), options.Low, options.High);
    }
}
