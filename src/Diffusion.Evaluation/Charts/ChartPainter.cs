using System.Globalization;

namespace Diffusion.Evaluation.Charts;

/// <summary>Lays a chart out and draws it, from the back to the front.</summary>
internal sealed class ChartPainter
{
    private const double LabelSize = ChartFrame.LabelSize;
    private const double TickLength = 4;
    private const double ChartEdge = 18;
    private const string Explanation = "rings: minimum of the fitted curve, dashed its parabola; bars on the axis: 95 % interval of where it is";

    private readonly LineChart chart;
    private readonly Canvas canvas;
    private readonly ChartAxis x;
    private readonly ChartAxis y;
    private readonly IReadOnlyList<double> yTicks;
    private readonly IReadOnlyList<string> yLabels;
    private readonly ChartFrame frame;
    private readonly ChartLegend? legend;

    public ChartPainter(LineChart chart, Canvas canvas)
    {
        this.chart = chart;
        this.canvas = canvas;
        var points = chart.Series.SelectMany(s => s.Points).ToArray();
        x = new ChartAxis(chart.XScale, points.Select(p => p.X).ToArray(), 0.04);

        // A bar that reaches below zero has no place on a logarithmic axis; the point itself has.
        bool positive = chart.YScale == ChartScale.Logarithmic;
        var heights = points.SelectMany(p => new[] { positive && p.Error >= p.Y ? p.Y : p.Y - p.Error, p.Y + p.Error });
        y = new ChartAxis(chart.YScale, [.. heights, .. chart.Series.Select(s => s.Minimum?.Y).OfType<double>()], chart.MarkMinimum ? 0.1 : 0.06);
        yTicks = y.Ticks(6);
        yLabels = ChartAxis.Labels(yTicks);
        legend = chart.Series.Count > 1 ? new ChartLegend(canvas, [.. chart.Series.Select(s => s.Name)], chart.Width - (2 * ChartEdge)) : null;
        frame = new ChartFrame(canvas, chart.Width, chart.Height, chart.Title, [(chart.Subtitle, false), (chart.MarkMinimum ? MinimumText() : "", true), (chart.Series.Any(s => s.Minimum is not null) ? Explanation : "", false)], yLabels, ChartEdge, legend?.Height ?? 0);
    }

    public void Draw()
    {
        frame.Draw(chart.XLabel, chart.YLabel);
        legend?.Draw((frame.Left + frame.Right) / 2, frame.Above);
        DrawAxes();
        canvas.Clipped(frame.Left, frame.Top, frame.Width, frame.Height, DrawCurves);
        if (chart.MarkMinimum)
        {
            MarkMinima();
        }
    }

    private double X(double value) => frame.Left + (x.Fraction(value) * frame.Width);

    private double Y(double value) => frame.Bottom - (y.Fraction(value) * frame.Height);

    private void DrawAxes()
    {
        var xTicks = x.Ticks(8);
        canvas.Color(Ink.Light);
        foreach (double tick in xTicks)
        {
            canvas.Line(0.7, (X(tick), frame.Top), (X(tick), frame.Bottom));
        }

        foreach (double tick in yTicks)
        {
            canvas.Line(0.7, (frame.Left, Y(tick)), (frame.Right, Y(tick)));
        }

        canvas.Color(Ink.Black);
        canvas.Line(1, (frame.Left, frame.Top), (frame.Left, frame.Bottom), (frame.Right, frame.Bottom));
        foreach (double tick in x.MinorTicks())
        {
            canvas.Line(0.8, (X(tick), frame.Bottom), (X(tick), frame.Bottom + (TickLength / 2)));
        }

        foreach (var (tick, label) in xTicks.Zip(ChartAxis.Labels(xTicks)))
        {
            canvas.Line(1, (X(tick), frame.Bottom), (X(tick), frame.Bottom + TickLength));
            canvas.Text(label, X(tick), frame.Bottom + 16, LabelSize, anchor: 0.5);
        }

        foreach (double tick in y.MinorTicks())
        {
            canvas.Line(0.8, (frame.Left - (TickLength / 2), Y(tick)), (frame.Left, Y(tick)));
        }

        foreach (var (tick, label) in yTicks.Zip(yLabels))
        {
            canvas.Line(1, (frame.Left - TickLength, Y(tick)), (frame.Left, Y(tick)));
            canvas.Text(label, frame.Left - 7, Y(tick) + 3.5, LabelSize, anchor: 1);
        }
    }

    private void DrawCurves()
    {
        for (int i = 0; i < chart.Series.Count; i++)
        {
            var points = chart.Series[i].Points.OrderBy(p => p.X).ToArray();
            var ink = Ink.Series[i % Ink.Series.Count];
            canvas.Color(ink, 0.6);
            foreach (var p in points.Where(p => p.Error > 0))
            {
                double high = Y(p.Y + p.Error);
                double low = chart.YScale == ChartScale.Logarithmic && p.Error >= p.Y ? frame.Bottom : Y(p.Y - p.Error);
                canvas.Line(1, (X(p.X), low), (X(p.X), high));
                canvas.Line(1, (X(p.X) - 3, low), (X(p.X) + 3, low));
                canvas.Line(1, (X(p.X) - 3, high), (X(p.X) + 3, high));
            }

            canvas.Color(ink);
            canvas.Line(1.6, points.Select(p => (X(p.X), Y(p.Y))).ToArray());
            foreach (var p in points)
            {
                ChartMarker.Draw(canvas, i, X(p.X), Y(p.Y), points.Length > 60 ? 1.4 : 2.8);
            }

            if (chart.Series[i].Minimum is { } minimum)
            {
                canvas.Color(Ink.Black, 0.8);
                canvas.Line(1.1, [4, 2.5], minimum.Fit.Select(p => (X(p.X), Y(p.Y))).ToArray());
            }
        }
    }

    private void MarkMinima()
    {
        for (int i = 0; i < chart.Series.Count; i++)
        {
            var best = MinimumOf(chart.Series[i]);
            var (px, py) = (X(best.X), Y(best.Y));
            canvas.Color(Ink.Series[i % Ink.Series.Count], 0.55);
            canvas.Line(1, [3, 3], (px, py + 6), (px, frame.Bottom));
            canvas.Color(Ink.Series[i % Ink.Series.Count]);
            canvas.Ring(px, py, 6, 1.6);
            if (chart.Series[i].Minimum is { } fitted)
            {
                // The interval of the best length lies on the axis, each curve's a little higher than the one before.
                double at = frame.Bottom - 4 - (4 * i);
                double from = Math.Clamp(X(fitted.Low), frame.Left, frame.Right);
                double to = Math.Clamp(X(fitted.High), frame.Left, frame.Right);
                canvas.Line(2.2, (from, at), (to, at));
            }
        }
    }

    // In words stands the lowest of all minima, above the picture: within it, it would hide points.
    private string MinimumText()
    {
        var lowest = chart.Series.MinBy(s => MinimumOf(s).Y)!;
        var best = MinimumOf(lowest);
        string interval = lowest.Minimum is { } m ? string.Create(CultureInfo.InvariantCulture, $" (95 % interval {m.Low:0.000} to {m.High:0.000})") : "";
        return string.Create(CultureInfo.InvariantCulture, $"minimum {best.Y:0.####} at {best.X:0.###}{interval}{(chart.Series.Count > 1 ? $", {lowest.Name}" : "")}");
    }

    private static ChartPoint MinimumOf(ChartSeries series)
    {
        var lowest = series.Points.MinBy(p => p.Y);
        return series.Minimum is { } fitted ? new ChartPoint(fitted.X, fitted.Y, lowest.Error) : lowest;
    }
}
