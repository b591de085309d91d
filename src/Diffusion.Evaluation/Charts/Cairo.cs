using System.Runtime.InteropServices;

namespace Diffusion.Evaluation.Charts;

/// <summary>The part of cairo 1.x that charts need.</summary>
internal static partial class Cairo
{
    internal const string Library = "libcairo.so.2";

    internal const int FormatRgb24 = 1;
    internal const int WeightNormal = 0;
    internal const int WeightBold = 1;

    [LibraryImport(Library)]
    internal static partial nint cairo_image_surface_create(int format, int width, int height);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint cairo_svg_surface_create(string fileName, double widthPoints, double heightPoints);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int cairo_surface_write_to_png(nint surface, string fileName);

    [LibraryImport(Library)]
    internal static partial void cairo_surface_finish(nint surface);

    [LibraryImport(Library)]
    internal static partial int cairo_surface_status(nint surface);

    [LibraryImport(Library)]
    internal static partial void cairo_surface_destroy(nint surface);

    [LibraryImport(Library)]
    internal static partial nint cairo_create(nint surface);

    [LibraryImport(Library)]
    internal static partial int cairo_status(nint context);

    [LibraryImport(Library)]
    internal static partial void cairo_destroy(nint context);

    [LibraryImport(Library)]
    internal static partial nint cairo_status_to_string(int status);

    [LibraryImport(Library)]
    internal static partial void cairo_scale(nint context, double x, double y);

    [LibraryImport(Library)]
    internal static partial void cairo_save(nint context);

    [LibraryImport(Library)]
    internal static partial void cairo_restore(nint context);

    [LibraryImport(Library)]
    internal static partial void cairo_translate(nint context, double x, double y);

    [LibraryImport(Library)]
    internal static partial void cairo_rotate(nint context, double radians);

    [LibraryImport(Library)]
    internal static partial void cairo_set_source_rgba(nint context, double red, double green, double blue, double alpha);

    [LibraryImport(Library)]
    internal static partial void cairo_set_line_width(nint context, double width);

    [LibraryImport(Library)]
    internal static partial void cairo_set_line_join(nint context, int join);

    [LibraryImport(Library)]
    internal static partial void cairo_set_dash(nint context, [In] double[] dashes, int count, double offset);

    [LibraryImport(Library)]
    internal static partial void cairo_move_to(nint context, double x, double y);

    [LibraryImport(Library)]
    internal static partial void cairo_line_to(nint context, double x, double y);

    [LibraryImport(Library)]
    internal static partial void cairo_rectangle(nint context, double x, double y, double width, double height);

    [LibraryImport(Library)]
    internal static partial void cairo_arc(nint context, double x, double y, double radius, double from, double to);

    [LibraryImport(Library)]
    internal static partial void cairo_stroke(nint context);

    [LibraryImport(Library)]
    internal static partial void cairo_fill(nint context);

    [LibraryImport(Library)]
    internal static partial void cairo_clip(nint context);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void cairo_select_font_face(nint context, string family, int slant, int weight);

    [LibraryImport(Library)]
    internal static partial void cairo_set_font_size(nint context, double size);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void cairo_show_text(nint context, string text);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void cairo_text_extents(nint context, string text, out TextExtents extents);

    [StructLayout(LayoutKind.Sequential)]
    internal struct TextExtents
    {
        internal double BearingX;
        internal double BearingY;
        internal double Width;
        internal double Height;
        internal double AdvanceX;
        internal double AdvanceY;
    }
}
