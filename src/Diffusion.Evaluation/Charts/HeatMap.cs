namespace Diffusion.Evaluation.Charts;

/// <summary>A table of numbers as colours, with a colour bar; drawn once and saved as PNG or SVG.</summary>
/// <remarks>Rows and columns are evenly spaced, whatever their values. Texts may hold a subscript: <c>σ_{rel}</c>. Needs libcairo.so.2 and a DejaVu font.</remarks>
public sealed record HeatMap
{
    /// <summary>Title above the map.</summary>
    public string Title { get; init; } = "";

    /// <summary>A smaller line below the title: what was measured on what.</summary>
    public string Subtitle { get; init; } = "";

    /// <summary>Label of the horizontal axis, with unit.</summary>
    public required string XLabel { get; init; }

    /// <summary>Label of the vertical axis, with unit.</summary>
    public required string YLabel { get; init; }

    /// <summary>Label of the colour bar, with unit.</summary>
    public required string ColorLabel { get; init; }

    /// <summary>Names of the columns, left to right.</summary>
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>Names of the rows, bottom to top.</summary>
    public required IReadOnlyList<string> Rows { get; init; }

    /// <summary>Values by row, then column; not-a-number where nothing was measured.</summary>
    public required IReadOnlyList<IReadOnlyList<double>> Values { get; init; }

    /// <summary>Scale of the colours; logarithmic where a few large values would hide what the small ones differ by.</summary>
    public ChartScale ColorScale { get; init; }

    /// <summary>Frames the lowest value and writes it in words below the map's title.</summary>
    public bool MarkMinimum { get; init; }

    /// <summary>Width in points.</summary>
    /// <value>560.</value>
    public double Width { get; init; } = 560;

    /// <summary>Height in points.</summary>
    /// <value>360.</value>
    public double Height { get; init; } = 360;

    /// <summary>Saves the map; the file appears whole or not at all.</summary>
    /// <param name="path">Ends in <c>.png</c> (two pixels per point) or <c>.svg</c>.</param>
    /// <exception cref="ArgumentException">The table does not fit its rows and columns, holds no number, or the ending is another.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="DllNotFoundException">libcairo.so.2 is not installed.</exception>
    public void Save(string path)
    {
        if (Columns.Count == 0 || Rows.Count == 0 || Values.Count != Rows.Count || Values.Any(row => row.Count != Columns.Count))
        {
            throw new ArgumentException($"A map of {Rows.Count} rows and {Columns.Count} columns needs as many values, at least one; it has {string.Join(", ", Values.Select(row => row.Count))}.");
        }

        if (!Values.Any(row => row.Any(double.IsFinite)) || Values.Any(row => row.Any(double.IsInfinity)))
        {
            throw new ArgumentException("A map needs at least one number, and no infinite ones; not-a-number stands for what was not measured.");
        }

        Canvas.Save(path, Width, Height, canvas => new HeatMapPainter(this, canvas).Draw());
    }
}
