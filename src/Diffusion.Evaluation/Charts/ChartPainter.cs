using System.Globalization;

namespace Diffusion.Evaluation.Charts;

/// <summary>Lays a chart out and draws it, from the back to the front.</summary>
internal sealed class ChartPainter
{
    private const double LabelSize = 10;
    private const double TickLength = 4;

    private readonly LineChart chart;
    private readonly Canvas canvas;
    private readonly ChartAxis x;
    private readonly ChartAxis y;
    private readonly IReadOnlyList<double> yTicks;
    private readonly IReadOnlyList<string> yLabels;
    private readonly double left;
    private readonly double top;
    private readonly double right;
    private readonly double bottom;

    public ChartPainter(LineChart chart, Canvas canvas)
    {
        this.chart = chart;
        this.canvas = canvas;
        var points = chart.Series.SelectMany(s => s.Points).ToArray();
        x = new ChartAxis(chart.XScale, points.Select(p => p.X).ToArray(), 0.04);

        // A bar that reaches below zero has no place on a logarithmic axis; the point itself has.
        bool positive = chart.YScale == ChartScale.Logarithmic;
        y = new ChartAxis(chart.YScale, points.SelectMany(p => new[] { positive && p.Error >= p.Y ? p.Y : p.Y - p.Error, p.Y + p.Error }).ToArray(), chart.MarkMinimum ? 0.11 : 0.06);
        yTicks = y.Ticks(6);
        yLabels = ChartAxis.Labels(yTicks);

        left = 34 + yLabels.Max(l => canvas.TextWidth(l, LabelSize));
        top = 14 + (chart.Title.Length > 0 ? 20 : 0) + (chart.Subtitle.Length > 0 ? 15 : 0);
        right = chart.Width - 18;
        bottom = chart.Height - 46;
    }

    public void Draw()
    {
        canvas.Color(Ink.White);
        canvas.FillRectangle(0, 0, chart.Width, chart.Height);
        DrawTexts();
        DrawAxes();
        canvas.Clipped(left, top, right - left, bottom - top, DrawCurves);
        if (chart.MarkMinimum)
        {
            MarkMinima();
        }

        if (chart.Series.Count > 1)
        {
            DrawLegend();
        }
    }

    private double X(double value) => left + (x.Fraction(value) * (right - left));

    private double Y(double value) => bottom - (y.Fraction(value) * (bottom - top));

    private void DrawTexts()
    {
        double centre = (left + right) / 2;
        canvas.Color(Ink.Black);
        canvas.Text(chart.Title, chart.Width / 2, 22, Fitting(chart.Title, 13, bold: true), anchor: 0.5, bold: true);
        canvas.Text(chart.XLabel, centre, chart.Height - 12, 11.5, anchor: 0.5);
        canvas.Text(chart.YLabel, 17, (top + bottom) / 2, 11.5, anchor: 0.5, vertical: true);
        canvas.Color(Ink.Grey);
        canvas.Text(chart.Subtitle, chart.Width / 2, 38, Fitting(chart.Subtitle, LabelSize, bold: false), anchor: 0.5);
    }

    private double Fitting(string text, double size, bool bold) => canvas.Fitting(text, size, bold, chart.Width - 20);

    private void DrawAxes()
    {
        var xTicks = x.Ticks(8);
        foreach (double tick in xTicks)
        {
            canvas.Color(Ink.Light);
            canvas.Line(0.7, (X(tick), top), (X(tick), bottom));
        }

        foreach (double tick in yTicks)
        {
            canvas.Color(Ink.Light);
            canvas.Line(0.7, (left, Y(tick)), (right, Y(tick)));
        }

        canvas.Color(Ink.Black);
        canvas.Line(1, (left, top), (left, bottom), (right, bottom));
        foreach (double tick in x.MinorTicks())
        {
            canvas.Line(0.8, (X(tick), bottom), (X(tick), bottom + (TickLength / 2)));
        }

        foreach (var (tick, label) in xTicks.Zip(ChartAxis.Labels(xTicks)))
        {
            canvas.Line(1, (X(tick), bottom), (X(tick), bottom + TickLength));
            canvas.Text(label, X(tick), bottom + 16, LabelSize, anchor: 0.5);
        }

        foreach (double tick in y.MinorTicks())
        {
            canvas.Line(0.8, (left - (TickLength / 2), Y(tick)), (left, Y(tick)));
        }

        foreach (var (tick, label) in yTicks.Zip(yLabels))
        {
            canvas.Line(1, (left - TickLength, Y(tick)), (left, Y(tick)));
            canvas.Text(label, left - 7, Y(tick) + 3.5, LabelSize, anchor: 1);
        }
    }

    private void DrawCurves()
    {
        for (int i = 0; i < chart.Series.Count; i++)
        {
            var points = chart.Series[i].Points.OrderBy(p => p.X).ToArray();
            canvas.Color(Ink.Series[i % Ink.Series.Count]);
            foreach (var p in points.Where(p => p.Error > 0))
            {
                double high = Y(p.Y + p.Error);
                double low = chart.YScale == ChartScale.Logarithmic && p.Error >= p.Y ? bottom : Y(p.Y - p.Error);
                canvas.Line(1, (X(p.X), low), (X(p.X), high));
                canvas.Line(1, (X(p.X) - 3, low), (X(p.X) + 3, low));
                canvas.Line(1, (X(p.X) - 3, high), (X(p.X) + 3, high));
            }

            canvas.Line(1.6, points.Select(p => (X(p.X), Y(p.Y))).ToArray());
            foreach (var p in points)
            {
                canvas.Disc(X(p.X), Y(p.Y), points.Length > 60 ? 1.4 : 2.8);
            }
        }
    }

    private void MarkMinima()
    {
        // Every curve's minimum has its ring; in words stands the lowest of all, or texts would lie on one another.
        int lowest = Enumerable.Range(0, chart.Series.Count).MinBy(s => chart.Series[s].Points.Min(p => p.Y));
        for (int i = 0; i < chart.Series.Count; i++)
        {
            var best = chart.Series[i].Points.MinBy(p => p.Y);
            var (px, py) = (X(best.X), Y(best.Y));
            string text = string.Create(CultureInfo.InvariantCulture, $"minimum {best.Y:0.####} at {best.X:0.###}");
            double width = canvas.TextWidth(text, LabelSize, bold: true);
            double at = Math.Clamp(px, left + (width / 2) + 4, right - (width / 2) - 2);
            canvas.Color(Ink.Series[i % Ink.Series.Count], 0.55);
            canvas.Line(1, [3, 3], (px, py + 6), (px, bottom));
            canvas.Color(Ink.Series[i % Ink.Series.Count]);
            canvas.Ring(px, py, 6, 1.6);
            if (i != lowest)
            {
                continue;
            }

            // Below the curve's lowest point there is room by construction of the axis.
            double below = Math.Min(Math.Max(py, Y(best.Y - best.Error)) + 19, bottom - 5);
            canvas.Color(Ink.White, 0.85);
            canvas.FillRectangle(at - (width / 2) - 3, below - LabelSize, width + 6, LabelSize + 4);
            canvas.Color(Ink.Black);
            canvas.Text(text, at, below, LabelSize, anchor: 0.5, bold: true);
        }
    }

    private void DrawLegend()
    {
        double width = 34 + chart.Series.Max(s => canvas.TextWidth(s.Name, LabelSize));
        double height = 8 + (chart.Series.Count * 15);
        var (at, from) = LegendPlace(width, height);
        canvas.Color(Ink.White, 0.88);
        canvas.FillRectangle(at, from, width, height);
        canvas.Color(Ink.Light);
        canvas.Line(0.8, (at, from), (at + width, from), (at + width, from + height), (at, from + height), (at, from));
        for (int i = 0; i < chart.Series.Count; i++)
        {
            double row = from + 12 + (i * 15);
            canvas.Color(Ink.Series[i % Ink.Series.Count]);
            canvas.Line(1.6, (at + 6, row), (at + 24, row));
            canvas.Disc(at + 15, row, 2.8);
            canvas.Color(Ink.Black);
            canvas.Text(chart.Series[i].Name, at + 29, row + 3.5, LabelSize);
        }
    }

    // The corner, or the middle of the upper edge, that hides the fewest points.
    private (double X, double Y) LegendPlace(double width, double height)
    {
        (double X, double Y)[] places = [(right - width - 6, top + 4), (left + 8, top + 4), ((left + right - width) / 2, top + 4), (right - width - 6, bottom - height - 8), (left + 8, bottom - height - 8)];
        return places.MinBy(place => chart.Series.SelectMany(s => s.Points).Count(p =>
            X(p.X) > place.X - 4 && X(p.X) < place.X + width + 4 && Y(p.Y) < place.Y + height + 4 && Y(p.Y) > place.Y - 4));
    }
}
