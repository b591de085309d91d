namespace Diffusion.Evaluation.Charts;

/// <summary>A point of a curve.</summary>
/// <param name="X">Place on the horizontal axis.</param>
/// <param name="Y">Height.</param>
/// <param name="Error">Half the length of the error bar; 0 for none.</param>
public readonly record struct ChartPoint(double X, double Y, double Error = 0);

/// <summary>A curve through points, in the order of their x.</summary>
/// <param name="Name">Shown in the legend when there are several curves.</param>
/// <param name="Points">At least one.</param>
/// <param name="Minimum">Where its minimum is estimated to be; null to mark the lowest point.</param>
public sealed record ChartSeries(string Name, IReadOnlyList<ChartPoint> Points, ChartMinimum? Minimum = null);

/// <summary>An estimated minimum of a curve.</summary>
/// <param name="X">Where.</param>
/// <param name="Low">Lower end of its interval.</param>
/// <param name="High">Upper end.</param>
/// <param name="Y">How low.</param>
/// <param name="Fit">The curve that was fitted around it, drawn dashed.</param>
public sealed record ChartMinimum(double X, double Low, double High, double Y, IReadOnlyList<ChartPoint> Fit);

/// <summary>A line chart as in a paper; drawn once and saved as PNG or SVG.</summary>
/// <remarks>Texts may hold a subscript: <c>σ_{rel}</c>. Needs libcairo.so.2 and a DejaVu font.</remarks>
public sealed record LineChart
{
    /// <summary>Title above the chart.</summary>
    public string Title { get; init; } = "";

    /// <summary>A smaller line below the title: what was measured on what.</summary>
    public string Subtitle { get; init; } = "";

    /// <summary>Label of the horizontal axis, with unit.</summary>
    public required string XLabel { get; init; }

    /// <summary>Label of the vertical axis, with unit.</summary>
    public required string YLabel { get; init; }

    /// <summary>Scale of the horizontal axis.</summary>
    public ChartScale XScale { get; init; }

    /// <summary>Scale of the vertical axis.</summary>
    public ChartScale YScale { get; init; }

    /// <summary>The curves.</summary>
    public required IReadOnlyList<ChartSeries> Series { get; init; }

    /// <summary>Rings the minimum of each curve, with its interval on the axis, and writes the coordinates of the lowest above the picture.</summary>
    public bool MarkMinimum { get; init; }

    /// <summary>Width in points.</summary>
    /// <value>520.</value>
    public double Width { get; init; } = 520;

    /// <summary>Height in points.</summary>
    /// <value>360.</value>
    public double Height { get; init; } = 360;

    /// <summary>Saves the chart; the file appears whole or not at all.</summary>
    /// <param name="path">Ends in <c>.png</c> (two pixels per point) or <c>.svg</c>.</param>
    /// <exception cref="ArgumentException">There is nothing to draw, a coordinate is not finite, or the ending is another.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="DllNotFoundException">libcairo.so.2 is not installed.</exception>
    public void Save(string path)
    {
        if (Series.Count == 0 || Series.Any(s => s.Points.Count == 0))
        {
            throw new ArgumentException("A chart needs at least one curve, and every curve at least one point.");
        }

        foreach (var series in Series)
        {
            foreach (var p in series.Points.Where(p => !double.IsFinite(p.X) || !double.IsFinite(p.Y) || !double.IsFinite(p.Error)))
            {
                throw new ArgumentException($"Curve '{series.Name}' holds ({p.X}, {p.Y} ± {p.Error}); only finite numbers can be drawn.");
            }
        }

        Canvas.Save(path, Width, Height, canvas => new ChartPainter(this, canvas).Draw());
    }
}
