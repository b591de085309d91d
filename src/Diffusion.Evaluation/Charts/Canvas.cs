using System.Runtime.InteropServices;

namespace Diffusion.Evaluation.Charts;

/// <summary>A picture being drawn, in points from the upper left corner; saved as PNG or SVG by the same calls.</summary>
internal sealed class Canvas : IDisposable
{
    private const string FontFamily = "DejaVu Sans";
    private const double SubscriptSize = 0.72;
    private const double SubscriptDrop = 0.22;

    private readonly string? pngPath;
    private nint surface;
    private nint context;

    private Canvas(nint surface, string? pngPath)
    {
        this.surface = surface;
        this.pngPath = pngPath;
        context = Cairo.cairo_create(surface);
        Check();
    }

    /// <summary>Draws into a file: the ending says which format. The file appears whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="DllNotFoundException">libcairo.so.2 is not installed.</exception>
    public static void Save(string path, double width, double height, Action<Canvas> draw)
    {
        bool png = Path.GetExtension(path).Equals(".png", StringComparison.OrdinalIgnoreCase);
        if (!png && !Path.GetExtension(path).Equals(".svg", StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException($"'{path}' ends neither in .png nor in .svg.", nameof(path));
        }

        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            using (var canvas = png ? Png(temporary, width, height, pixelsPerPoint: 2) : new Canvas(Cairo.cairo_svg_surface_create(temporary, width, height), null))
            {
                draw(canvas);
                canvas.Finish();
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (IOException e)
        {
            throw new IOException($"{path} cannot be written: {e.Message}", e);
        }
        finally
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }
        }
    }

    private static Canvas Png(string path, double width, double height, double pixelsPerPoint)
    {
        var canvas = new Canvas(Cairo.cairo_image_surface_create(Cairo.FormatRgb24, (int)(width * pixelsPerPoint), (int)(height * pixelsPerPoint)), path);
        Cairo.cairo_scale(canvas.context, pixelsPerPoint, pixelsPerPoint);
        return canvas;
    }

    public void Color(Ink ink, double alpha = 1) => Cairo.cairo_set_source_rgba(context, ink.Red / 255.0, ink.Green / 255.0, ink.Blue / 255.0, alpha);

    public void FillRectangle(double x, double y, double width, double height)
    {
        Cairo.cairo_rectangle(context, x, y, width, height);
        Cairo.cairo_fill(context);
    }

    public void Line(double width, params ReadOnlySpan<(double X, double Y)> points) => Line(width, [], points);

    public void Line(double width, double[] dashes, params ReadOnlySpan<(double X, double Y)> points)
    {
        Cairo.cairo_set_line_width(context, width);
        Cairo.cairo_set_line_join(context, 1);
        Cairo.cairo_set_dash(context, dashes, dashes.Length, 0);
        Trace(points);
        Cairo.cairo_stroke(context);
    }

    public void Fill(params ReadOnlySpan<(double X, double Y)> corners)
    {
        Trace(corners);
        Cairo.cairo_fill(context);
    }

    public void Disc(double x, double y, double radius)
    {
        Cairo.cairo_arc(context, x, y, radius, 0, 2 * Math.PI);
        Cairo.cairo_fill(context);
    }

    public void Ring(double x, double y, double radius, double width)
    {
        Cairo.cairo_set_line_width(context, width);
        Cairo.cairo_set_dash(context, [], 0, 0);
        Cairo.cairo_arc(context, x, y, radius, 0, 2 * Math.PI);
        Cairo.cairo_stroke(context);
    }

    public void Clipped(double x, double y, double width, double height, Action draw)
    {
        Cairo.cairo_save(context);
        Cairo.cairo_rectangle(context, x, y, width, height);
        Cairo.cairo_clip(context);
        draw();
        Cairo.cairo_restore(context);
    }

    /// <summary>Writes text; <c>σ_{rel}</c> sets a subscript. <paramref name="anchor"/> is 0 for left, 0.5 for centred, 1 for right of <paramref name="x"/>; <paramref name="y"/> is the base line.</summary>
    public void Text(string text, double x, double y, double size, double anchor = 0, bool bold = false, bool vertical = false)
    {
        Cairo.cairo_save(context);
        Cairo.cairo_translate(context, x, y);
        if (vertical)
        {
            Cairo.cairo_rotate(context, -Math.PI / 2);
        }

        Cairo.cairo_select_font_face(context, FontFamily, 0, bold ? Cairo.WeightBold : Cairo.WeightNormal);
        double at = -anchor * TextWidth(text, size, bold);
        foreach (var (part, subscript) in Parts(text))
        {
            Cairo.cairo_set_font_size(context, subscript ? size * SubscriptSize : size);
            Cairo.cairo_move_to(context, at, subscript ? size * SubscriptDrop : 0);
            Cairo.cairo_show_text(context, part);
            Cairo.cairo_text_extents(context, part, out var extents);
            at += extents.AdvanceX;
        }

        Cairo.cairo_restore(context);
    }

    public double TextWidth(string text, double size, bool bold = false)
    {
        Cairo.cairo_select_font_face(context, FontFamily, 0, bold ? Cairo.WeightBold : Cairo.WeightNormal);
        double width = 0;
        foreach (var (part, subscript) in Parts(text))
        {
            Cairo.cairo_set_font_size(context, subscript ? size * SubscriptSize : size);
            Cairo.cairo_text_extents(context, part, out var extents);
            width += extents.AdvanceX;
        }

        return width;
    }

    /// <summary>The size at which a text fits a width: a long line is set smaller rather than cut off.</summary>
    public double Fitting(string text, double size, bool bold, double width) => size * Math.Min(1, width / Math.Max(1, TextWidth(text, size, bold)));

    public void Dispose()
    {
        Cairo.cairo_destroy(context);
        Cairo.cairo_surface_destroy(surface);
        (context, surface) = (0, 0);
    }

    private void Trace(ReadOnlySpan<(double X, double Y)> points)
    {
        for (int i = 0; i < points.Length; i++)
        {
            if (i == 0)
            {
                Cairo.cairo_move_to(context, points[i].X, points[i].Y);
            }
            else
            {
                Cairo.cairo_line_to(context, points[i].X, points[i].Y);
            }
        }
    }

    private static IEnumerable<(string Part, bool Subscript)> Parts(string text)
    {
        int from = 0;
        for (int open; (open = text.IndexOf("_{", from, StringComparison.Ordinal)) >= 0 && text.IndexOf('}', open) is int close and > 0; from = close + 1)
        {
            yield return (text[from..open], false);
            yield return (text[(open + 2)..close], true);
        }

        yield return (text[from..], false);
    }

    private void Finish()
    {
        Check();
        int status = pngPath is null ? 0 : Cairo.cairo_surface_write_to_png(surface, pngPath);
        if (status == 0 && pngPath is null)
        {
            Cairo.cairo_surface_finish(surface);
            status = Cairo.cairo_surface_status(surface);
        }

        Check(status);
    }

    private void Check(int status = 0)
    {
        status = status != 0 ? status : Cairo.cairo_status(context);
        if (status != 0)
        {
            throw new IOException($"cairo says '{Marshal.PtrToStringUTF8(Cairo.cairo_status_to_string(status))}'. Is there such a folder, and room on the disk?");
        }
    }
}

/// <summary>A colour, 0...255 each.</summary>
internal readonly record struct Ink(byte Red, byte Green, byte Blue)
{
    public static Ink White => new(255, 255, 255);

    public static Ink Black => new(25, 25, 25);

    public static Ink Grey => new(110, 110, 110);

    public static Ink Light => new(225, 225, 225);

    /// <summary>Okabe and Ito's colours: distinguishable with colour-deficient sight.</summary>
    public static IReadOnlyList<Ink> Series { get; } =
        [new(0, 114, 178), new(213, 94, 0), new(0, 158, 115), new(204, 121, 167), new(230, 159, 0), new(86, 180, 233), new(90, 90, 90)];
}
