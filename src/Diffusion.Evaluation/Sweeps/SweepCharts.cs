using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Charts;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Evaluation.Sweeps;

/// <summary>Charts of a sweep. All numbers of one come from one group of scores that may be compared.</summary>
public static class SweepCharts
{
    private const int FewestForAFit = 5;
    private const int FitPoints = 41;
    private const double FitReach = 1.5;

    /// <summary>A metric's name in words.</summary>
    public static string NameOf(string metric) => metric switch
    {
        MetricNames.Frechet => "Fréchet distance",
        MetricNames.Kernel => "kernel distance",
        MetricNames.SlicedWasserstein => "sliced Wasserstein distance",
        MetricNames.HeldOutLoss => "loss on held-out images",
        _ => metric,
    };

    /// <summary>The best length of one curve, as far as its points tell; null where they are too few.</summary>
    /// <param name="points">Points of one time and guidance weight.</param>
    public static LengthEstimate? Estimate(IReadOnlyCollection<ScorePoint> points)
    {
        double[] lengths = [.. points.Select(p => p.RelativeStd).Order()];
        return lengths.Length < FewestForAFit || lengths[^1] < 1.2 * lengths[0] ? null
            : new LengthSearch(new LengthSearchOptions { Low = lengths[0], High = lengths[^1] }, Measurements(points)).Estimate();
    }

    /// <summary>The repetitions of points as measurements: the n-th set of seeds of each is one repetition.</summary>
    public static IEnumerable<LengthMeasurement> Measurements(IEnumerable<ScorePoint> points)
    {
        var scores = points.SelectMany(p => p.Scores).ToArray();
        long[] seeds = [.. scores.Select(s => s.FirstSeed).Distinct().Order()];
        return scores.Select(s => new LengthMeasurement(s.RelativeStd, Array.IndexOf(seeds, s.FirstSeed), s.Value, s.StandardError));
    }

    /// <summary>The metric over EMA length: one curve for each snapshot time, or for each guidance weight.</summary>
    /// <param name="group">Points of one run.</param>
    /// <param name="title">Above the chart.</param>
    /// <param name="overGuidance">Curves by guidance weight instead of by time.</param>
    public static LineChart Curves(ScoreGroup group, string title, bool overGuidance = false) => new()
    {
        Title = title,
        Subtitle = Below(group, group.Points.Any(p => p.StandardError is > 0)),
        XLabel = "EMA length σ_{rel}",
        YLabel = NameOf(group.Metric),
        XScale = ChartScale.Logarithmic,
        MarkMinimum = true,
        Series = [.. Rows(group, overGuidance).Select(row => Series(row.Name, row.Points))],
    };

    /// <summary>The metric as colours over EMA length and snapshot time, or guidance weight.</summary>
    /// <inheritdoc cref="Curves"/>
    public static HeatMap Map(ScoreGroup group, string title, bool overGuidance = false)
    {
        var rows = Rows(group, overGuidance).ToArray();
        double[] lengths = [.. group.Points.Select(p => p.RelativeStd).Distinct().Order()];
        return new HeatMap
        {
            Title = title,
            Subtitle = group.Conditions,
            XLabel = "EMA length σ_{rel}",
            YLabel = overGuidance ? "guidance weight" : "snapshot time",
            ColorLabel = NameOf(group.Metric),
            Columns = [.. lengths.Select(l => l.ToString("0.0##", CultureInfo.InvariantCulture))],
            Rows = [.. rows.Select(r => r.Name)],
            Values = [.. rows.Select(r => lengths.Select(l => r.Points.FirstOrDefault(p => p.RelativeStd == l)?.Value ?? double.NaN).ToArray())],
            ColorScale = group.Points.Min(p => p.Value) is var low && low > 0 && group.Points.Max(p => p.Value) > 5 * low ? ChartScale.Logarithmic : ChartScale.Linear,
            MarkMinimum = true,
        };
    }

    private static string Below(ScoreGroup group, bool errors) => group.Conditions + (errors ? "; bars: standard error" : "");

    private static IEnumerable<(string Name, ScorePoint[] Points)> Rows(ScoreGroup group, bool overGuidance) => overGuidance
        ? group.Points.GroupBy(p => p.Guidance).OrderBy(g => g.Key).Select(g => (string.Create(CultureInfo.InvariantCulture, $"{g.Key:0.###}"), g.ToArray()))
        : group.Points.GroupBy(p => p.ImagesSeen).OrderBy(g => g.Key).Select(g => (ImageCount.Kimg(g.Key), g.ToArray()));

    private static ChartSeries Series(string name, ScorePoint[] points)
    {
        ChartPoint[] places = [.. points.OrderBy(p => p.RelativeStd).Select(p => new ChartPoint(p.RelativeStd, p.Value, p.StandardError ?? 0))];
        return new ChartSeries(name, places, Estimate(points) is { Verdict: LengthVerdict.Inside, Curvature: > 0 } estimate ? Minimum(estimate, places[0].X, places[^1].X) : null);
    }

    private static ChartMinimum Minimum(LengthEstimate estimate, double low, double high)
    {
        double from = Math.Max(low, Math.Min(estimate.Low, estimate.RelativeStd / FitReach));
        double to = Math.Min(high, Math.Max(estimate.High, estimate.RelativeStd * FitReach));
        var fit = Enumerable.Range(0, FitPoints).Select(i => from * Math.Pow(to / from, i / (FitPoints - 1.0))).Select(x => new ChartPoint(x, estimate.ParabolaAt(x)));
        return new ChartMinimum(estimate.RelativeStd, estimate.Low, estimate.High, estimate.Value, [.. fit]);
    }
}
