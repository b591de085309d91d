using System.Globalization;

namespace Diffusion.Evaluation.Charts;

/// <summary>How an axis maps values to places.</summary>
public enum ChartScale
{
    /// <summary>Equal steps are equal differences.</summary>
    Linear,

    /// <summary>Equal steps are equal ratios; values must be positive.</summary>
    Logarithmic,
}

/// <summary>Range, ticks and mapping of one axis.</summary>
internal sealed class ChartAxis
{
    private readonly bool logarithmic;
    private readonly double low;
    private readonly double high;

    public ChartAxis(ChartScale scale, IReadOnlyCollection<double> values, double marginShare)
    {
        logarithmic = scale == ChartScale.Logarithmic;
        if (logarithmic && values.Any(v => v <= 0))
        {
            throw new ArgumentException($"A logarithmic axis cannot show {values.Min()}; values must be positive.", nameof(values));
        }

        double first = Place(values.Min());
        double last = Place(values.Max());
        if (last - first < 1e-12 * Math.Max(1, Math.Abs(last)))
        {
            double half = first == 0 ? 1 : Math.Abs(first) * 0.05;
            (first, last) = (first - half, last + half);
        }

        double margin = (last - first) * marginShare;
        (low, high) = (first - margin, last + margin);
    }

    /// <summary>Where a value lies between the axis' ends: 0...1.</summary>
    public double Fraction(double value) => (Place(value) - low) / (high - low);

    /// <summary>Labelled ticks, ascending.</summary>
    public IReadOnlyList<double> Ticks(int about)
    {
        if (!logarithmic)
        {
            return LinearTicks(about);
        }

        var ticks = Decades([1, 2, 5]);
        if (ticks.Count < 3)
        {
            ticks = Decades([1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9]);
        }

        if (ticks.Count > 2 * about)
        {
            ticks = Decades([1]);
        }

        return ticks.Count >= 2 ? ticks : LinearTicks(about).Where(t => t > 0).ToArray();
    }

    /// <summary>Ticks without a label, on a logarithmic axis.</summary>
    public IReadOnlyList<double> MinorTicks() => logarithmic ? Decades([1, 2, 3, 4, 5, 6, 7, 8, 9]) : [];

    /// <summary>Labels with as many decimals as the ticks need.</summary>
    public static IReadOnlyList<string> Labels(IReadOnlyList<double> ticks)
    {
        for (int decimals = 0; decimals <= 8; decimals++)
        {
            if (ticks.All(t => Math.Abs(t - Math.Round(t, decimals)) <= 1e-9 * Math.Max(Math.Abs(t), 1e-3)))
            {
                // A logarithmic axis reads better without trailing zeros: 0.02, 0.05, 0.1.
                bool uniform = ticks.Count < 3 || Math.Abs(ticks[2] - (2 * ticks[1]) + ticks[0]) < 1e-9 * Math.Abs(ticks[2] - ticks[0]);
                string format = uniform ? "0." + new string('0', decimals) : "0." + new string('#', decimals);
                return ticks.Select(t => (Math.Abs(t) < 1e-12 ? 0 : t).ToString(decimals == 0 ? "0" : format, CultureInfo.InvariantCulture)).ToArray();
            }
        }

        return ticks.Select(t => t.ToString("0.##e+0", CultureInfo.InvariantCulture)).ToArray();
    }

    private double Place(double value) => logarithmic ? Math.Log10(value) : value;

    private double[] LinearTicks(int about)
    {
        double from = logarithmic ? Math.Pow(10, low) : low;
        double to = logarithmic ? Math.Pow(10, high) : high;
        double rough = (to - from) / Math.Max(1, about);
        double power = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        double step = new[] { 1, 2, 2.5, 5, 10 }.First(s => s * power >= rough * 0.999) * power;
        var ticks = new List<double>();
        for (double i = Math.Ceiling(from / step - 1e-9); i * step <= to + step * 1e-9; i++)
        {
            ticks.Add(i * step);
        }

        return [.. ticks];
    }

    private List<double> Decades(double[] mantissas)
    {
        var ticks = new List<double>();
        for (int decade = (int)Math.Floor(low); decade <= Math.Ceiling(high); decade++)
        {
            ticks.AddRange(mantissas.Select(m => m * Math.Pow(10, decade)).Where(v => Place(v) >= low - 1e-9 && Place(v) <= high + 1e-9));
        }

        return ticks;
    }
}
