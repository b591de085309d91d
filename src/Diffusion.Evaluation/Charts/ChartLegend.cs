namespace Diffusion.Evaluation.Charts;

/// <summary>Names of curves in rows above the picture, where they hide nothing.</summary>
internal sealed class ChartLegend
{
    private const double LabelSize = ChartFrame.LabelSize;
    private const double RowHeight = 15;
    private const double Stroke = 20;
    private const double Gap = 16;

    private readonly Canvas canvas;
    private readonly List<List<(int Series, string Name, double Width)>> rows = [[]];

    public ChartLegend(Canvas canvas, IReadOnlyList<string> names, double room)
    {
        this.canvas = canvas;
        for (int i = 0; i < names.Count; i++)
        {
            double width = Stroke + 5 + canvas.TextWidth(names[i], LabelSize);
            if (rows[^1].Count > 0 && Width(rows[^1]) + Gap + width > room)
            {
                rows.Add([]);
            }

            rows[^1].Add((i, names[i], width));
        }
    }

    /// <summary>Height of all rows.</summary>
    public double Height => rows.Count * RowHeight;

    public void Draw(double centre, double top)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            double at = centre - (Width(rows[row]) / 2);
            double middle = top + (row * RowHeight) + (RowHeight / 2);
            foreach (var (series, name, width) in rows[row])
            {
                canvas.Color(Ink.Series[series % Ink.Series.Count]);
                canvas.Line(1.6, (at, middle), (at + Stroke, middle));
                ChartMarker.Draw(canvas, series, at + (Stroke / 2), middle, 2.8);
                canvas.Color(Ink.Black);
                canvas.Text(name, at + Stroke + 5, middle + 3.5, LabelSize);
                at += width + Gap;
            }
        }
    }

    private static double Width(List<(int Series, string Name, double Width)> row) => row.Sum(r => r.Width) + (Gap * (row.Count - 1));
}
