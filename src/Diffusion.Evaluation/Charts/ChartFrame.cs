namespace Diffusion.Evaluation.Charts;

/// <summary>What every chart has around its picture: title, lines below it, axis labels, and the room that is left.</summary>
internal sealed class ChartFrame
{
    /// <summary>Size of tick labels and small lines.</summary>
    public const double LabelSize = 10;

    private const double TitleSize = 13;
    private const double AxisSize = 11.5;
    private const double TitleLine = 22;

    private readonly Canvas canvas;
    private readonly double width;
    private readonly double height;
    private readonly double titleLine;
    private readonly string title;
    private readonly (string Text, bool Strong)[] lines;

    /// <summary>Leaves room for texts that are there, and for tick labels.</summary>
    /// <param name="canvas">Where to draw.</param>
    /// <param name="width">Width in points.</param>
    /// <param name="height">Height in points.</param>
    /// <param name="title">May be empty.</param>
    /// <param name="lines">Below the title; empty ones take no room.</param>
    /// <param name="yTicks">Labels left of the picture.</param>
    /// <param name="rightMargin">Room right of the picture.</param>
    /// <param name="above">Room between texts and picture, for a legend.</param>
    public ChartFrame(Canvas canvas, double width, double height, string title, IEnumerable<(string Text, bool Strong)> lines, IEnumerable<string> yTicks, double rightMargin, double above = 0)
    {
        (this.canvas, this.width, this.height, this.title) = (canvas, width, height, title);
        this.lines = [.. lines.Where(l => l.Text.Length > 0)];
        titleLine = title.Length > 0 ? TitleLine : 4;
        Left = 36 + yTicks.Max(l => canvas.TextWidth(l, LabelSize));
        Above = titleLine + (this.lines.Length * 15) + 7;
        Top = Above + above + 7;
        Right = width - rightMargin;
        Bottom = height - 46;
    }

    /// <summary>Where the room above the picture begins.</summary>
    public double Above { get; }

    public double Left { get; }

    public double Top { get; }

    public double Right { get; }

    public double Bottom { get; }

    public double Width => Right - Left;

    public double Height => Bottom - Top;

    /// <summary>Paints the ground and writes all texts; lines that are too long are set smaller.</summary>
    public void Draw(string xLabel, string yLabel)
    {
        canvas.Color(Ink.White);
        canvas.FillRectangle(0, 0, width, height);
        canvas.Color(Ink.Black);
        canvas.Text(title, width / 2, titleLine, canvas.Fitting(title, TitleSize, bold: true, width - 20), anchor: 0.5, bold: true);
        canvas.Text(xLabel, (Left + Right) / 2, height - 12, AxisSize, anchor: 0.5);
        canvas.Text(yLabel, 17, (Top + Bottom) / 2, canvas.Fitting(yLabel, AxisSize, bold: false, height - 20), anchor: 0.5, vertical: true);
        for (int i = 0; i < lines.Length; i++)
        {
            var (text, strong) = lines[i];
            canvas.Color(strong ? Ink.Black : Ink.Grey);
            canvas.Text(text, width / 2, titleLine + ((i + 1) * 15), canvas.Fitting(text, LabelSize, strong, width - 20), anchor: 0.5, bold: strong);
        }
    }

    /// <summary>A label of a third axis, along the right edge.</summary>
    public void DrawRight(string label)
    {
        canvas.Color(Ink.Black);
        canvas.Text(label, width - 12, (Top + Bottom) / 2, canvas.Fitting(label, AxisSize, bold: false, height - 20), anchor: 0.5, vertical: true);
    }

    /// <summary>A box around a part of the picture.</summary>
    public void Box(double x, double y, double boxWidth, double boxHeight, double line, Ink ink)
    {
        canvas.Color(ink);
        canvas.Line(line, (x, y), (x + boxWidth, y), (x + boxWidth, y + boxHeight), (x, y + boxHeight), (x, y), (x + boxWidth, y));
    }
}
