using System.Runtime.InteropServices;

namespace Diffusion.Data.Tests.Decoding;

/// <summary>Makes JPEG files, which the product only reads.</summary>
internal static unsafe class TurboJpeg
{
    private const string Library = "libturbojpeg.so.0";

    public static bool IsPresent => NativeLibrary.TryLoad(Library, out _);

    public static byte[] Encode(ReadOnlySpan<byte> interleaved, int width, int height, int channels, int quality = 95)
    {
        nint handle = tjInitCompress();
        byte* file = null;
        nuint bytes = 0;
        try
        {
            fixed (byte* pixels = interleaved)
            {
                // Formats and samplings: 0 RGB at 4:4:4, 6 grey with grey.
                Assert.Equal(0, tjCompress2(handle, pixels, width, 0, height, channels == 3 ? 0 : 6, ref file, ref bytes, channels == 3 ? 0 : 3, quality, 0));
            }

            return new ReadOnlySpan<byte>(file, (int)bytes).ToArray();
        }
        finally
        {
            tjFree(file);
            Assert.Equal(0, tjDestroy(handle));
        }
    }

    [DllImport(Library)]
    private static extern nint tjInitCompress();

    [DllImport(Library)]
    private static extern int tjCompress2(nint handle, byte* pixels, int width, int pitch, int height, int format, ref byte* file, ref nuint bytes, int sampling, int quality, int flags);

    [DllImport(Library)]
    private static extern void tjFree(byte* file);

    [DllImport(Library)]
    private static extern int tjDestroy(nint handle);
}

/// <summary>A test that needs libturbojpeg.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TurboJpegFactAttribute : FactAttribute
{
    public TurboJpegFactAttribute() => Skip = TurboJpeg.IsPresent ? null : "libturbojpeg.so.0 is not installed (Debian package libturbojpeg0).";
}
