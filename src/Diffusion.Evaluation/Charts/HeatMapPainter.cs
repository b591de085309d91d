using System.Globalization;

namespace Diffusion.Evaluation.Charts;

/// <summary>Lays a heat map out and draws it.</summary>
internal sealed class HeatMapPainter
{
    private const double LabelSize = ChartFrame.LabelSize;
    private const double BarWidth = 14;
    private const int BarSteps = 128;

    private readonly HeatMap map;
    private readonly Canvas canvas;
    private readonly ChartAxis colour;
    private readonly IReadOnlyList<double> ticks;
    private readonly IReadOnlyList<string> tickLabels;
    private readonly ChartFrame frame;

    public HeatMapPainter(HeatMap map, Canvas canvas)
    {
        this.map = map;
        this.canvas = canvas;
        colour = new ChartAxis(map.ColorScale, map.Values.SelectMany(row => row).Where(double.IsFinite).ToArray(), 0);
        ticks = colour.Ticks(6);
        tickLabels = ChartAxis.Labels(ticks);
        double bar = BarWidth + 50 + tickLabels.Max(l => canvas.TextWidth(l, LabelSize));
        frame = new ChartFrame(canvas, map.Width, map.Height, map.Title, [(map.Subtitle, false), (map.MarkMinimum ? MinimumText() : "", true)], map.Rows, bar);
    }

    private double CellWidth => (frame.Right - frame.Left) / map.Columns.Count;

    private double CellHeight => (frame.Bottom - frame.Top) / map.Rows.Count;

    public void Draw()
    {
        frame.Draw(map.XLabel, map.YLabel);
        DrawCells();
        DrawLabels();
        DrawColourBar();
    }

    private string MinimumText()
    {
        var (row, column) = Minimum();
        return string.Create(CultureInfo.InvariantCulture, $"minimum {map.Values[row][column]:0.####} at {map.Columns[column]}, {map.Rows[row]}");
    }

    private void DrawCells()
    {
        double size = Math.Min(9.5, CellHeight * 0.55);
        bool written = size >= 5 && map.Values.SelectMany(row => row).Where(double.IsFinite).All(v => canvas.TextWidth(Number(v), size) < CellWidth - 4);
        for (int row = 0; row < map.Rows.Count; row++)
        {
            for (int column = 0; column < map.Columns.Count; column++)
            {
                DrawCell(row, column, written ? size : 0);
            }
        }

        if (map.MarkMinimum)
        {
            var (row, column) = Minimum();
            frame.Box(X(column) + 1, Y(row) + 1, CellWidth - 2, CellHeight - 2, 2, Ink.White);
            frame.Box(X(column), Y(row), CellWidth, CellHeight, 1.6, new Ink(213, 94, 0));
        }
    }

    private void DrawCell(int row, int column, double textSize)
    {
        double value = map.Values[row][column];
        if (!double.IsFinite(value))
        {
            // Nothing measured: a grey cell with a stroke, which no colour of the ramp looks like.
            canvas.Color(Ink.Light);
            canvas.FillRectangle(X(column), Y(row), CellWidth, CellHeight);
            canvas.Color(Ink.White);
            canvas.Line(1, (X(column), Y(row) + CellHeight), (X(column) + CellWidth, Y(row)));
            return;
        }

        var ink = ColorRamp.At(colour.Fraction(value));
        canvas.Color(ink);

        // A little larger than the cell, so that no light shows between two.
        canvas.FillRectangle(X(column), Y(row), CellWidth + (column + 1 < map.Columns.Count ? 0.5 : 0), CellHeight + (row > 0 ? 0.5 : 0));
        if (textSize > 0)
        {
            canvas.Color(ColorRamp.On(ink));
            canvas.Text(Number(value), X(column) + (CellWidth / 2), Y(row) + (CellHeight / 2) + (textSize * 0.36), textSize, anchor: 0.5);
        }
    }

    private void DrawLabels()
    {
        canvas.Color(Ink.Black);

        // As many names as fit side by side.
        int every = (int)Math.Ceiling(map.Columns.Max(c => canvas.TextWidth(c, LabelSize) + 8) / CellWidth);
        for (int column = 0; column < map.Columns.Count; column += every)
        {
            double centre = X(column) + (CellWidth / 2);
            canvas.Line(1, (centre, frame.Bottom), (centre, frame.Bottom + 4));
            canvas.Text(map.Columns[column], centre, frame.Bottom + 16, LabelSize, anchor: 0.5);
        }

        int everyRow = (int)Math.Ceiling((LabelSize + 2) / CellHeight);
        for (int row = 0; row < map.Rows.Count; row += everyRow)
        {
            double centre = Y(row) + (CellHeight / 2);
            canvas.Line(1, (frame.Left - 4, centre), (frame.Left, centre));
            canvas.Text(map.Rows[row], frame.Left - 7, centre + 3.5, LabelSize, anchor: 1);
        }

        frame.Box(frame.Left, frame.Top, frame.Right - frame.Left, frame.Bottom - frame.Top, 1, Ink.Black);
    }

    private void DrawColourBar()
    {
        double x = frame.Right + 16;
        double height = (frame.Bottom - frame.Top) / BarSteps;
        for (int step = 0; step < BarSteps; step++)
        {
            canvas.Color(ColorRamp.At((step + 0.5) / BarSteps));
            canvas.FillRectangle(x, frame.Bottom - ((step + 1) * height), BarWidth, height + (step > 0 ? 0.5 : 0));
        }

        frame.Box(x, frame.Top, BarWidth, frame.Bottom - frame.Top, 1, Ink.Black);
        foreach (var (tick, label) in ticks.Zip(tickLabels))
        {
            double y = frame.Bottom - (colour.Fraction(tick) * (frame.Bottom - frame.Top));
            canvas.Color(Ink.Black);
            canvas.Line(1, (x + BarWidth, y), (x + BarWidth + 3, y));
            canvas.Text(label, x + BarWidth + 6, y + 3.5, LabelSize);
        }

        frame.DrawRight(map.ColorLabel);
    }

    private (int Row, int Column) Minimum() => Enumerable.Range(0, map.Rows.Count)
        .SelectMany(row => Enumerable.Range(0, map.Columns.Count).Select(column => (row, column)))
        .Where(at => double.IsFinite(map.Values[at.row][at.column]))
        .MinBy(at => map.Values[at.row][at.column]);

    private double X(int column) => frame.Left + (column * CellWidth);

    private double Y(int row) => frame.Bottom - ((row + 1) * CellHeight);

    // Three digits tell cells apart; more would not fit.
    private static string Number(double value) => Math.Abs(value) >= 100 ? value.ToString("0", CultureInfo.InvariantCulture)
        : Math.Abs(value) >= 10 ? value.ToString("0.0", CultureInfo.InvariantCulture)
        : Math.Abs(value) >= 1 ? value.ToString("0.00", CultureInfo.InvariantCulture)
        : value.ToString("0.000", CultureInfo.InvariantCulture);
}
