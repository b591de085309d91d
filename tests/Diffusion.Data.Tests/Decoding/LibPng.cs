using System.Runtime.InteropServices;

namespace Diffusion.Data.Tests.Decoding;

/// <summary>libpng's simplified interface, the oracle of our own decoder.</summary>
internal static unsafe class LibPng
{
    private const string Library = "libpng16.so.16";

    [StructLayout(LayoutKind.Sequential)]
    private struct PngImage
    {
        public nint Opaque;
        public uint Version;
        public uint Width;
        public uint Height;
        public uint Format;
        public uint Flags;
        public uint ColormapEntries;
        public uint WarningOrError;
        public fixed byte Message[64];
    }

    public static bool IsPresent => NativeLibrary.TryLoad(Library, out _);

    /// <summary>Pixels, channels last.</summary>
    public static (int Width, int Height, int Channels, byte[] Pixels) Decode(byte[] file)
    {
        var image = new PngImage { Version = 1 };
        Assert.NotEqual(0, png_image_begin_read_from_memory(ref image, file, (nuint)file.Length));
        bool colour = (image.Format & 2) != 0;
        bool alpha = (image.Format & 1) != 0;
        image.Format = (colour ? 2u : 0u) | (alpha ? 1u : 0u);
        int channels = (colour ? 3 : 1) + (alpha ? 1 : 0);
        byte[] pixels = new byte[(int)(image.Width * image.Height) * channels];
        Assert.NotEqual(0, png_image_finish_read(ref image, 0, pixels, 0, 0));
        return ((int)image.Width, (int)image.Height, channels, pixels);
    }

    [DllImport(Library)]
    private static extern int png_image_begin_read_from_memory(ref PngImage image, byte[] memory, nuint size);

    [DllImport(Library)]
    private static extern int png_image_finish_read(ref PngImage image, nint background, byte[] buffer, int rowStride, nint colormap);
}

/// <summary>A test that needs libpng, which the product itself does not.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LibPngTheoryAttribute : TheoryAttribute
{
    public LibPngTheoryAttribute() => Skip = LibPng.IsPresent ? null : "libpng16.so.16, the oracle of this test, is not installed (Debian package libpng16-16).";
}
