using System.Runtime.InteropServices;

namespace Diffusion.Data;

/// <summary>Reads JPEG through libjpeg-turbo with its accurate inverse DCT and smooth chroma upsampling, the defaults of the field's image libraries.</summary>
internal static unsafe class JpegDecoder
{
    private const string Library = "libturbojpeg.so.0";
    private const int FormatRgb = 0;
    private const int FormatGrey = 6;
    private const int ColourSpaceGrey = 2;
    private const int ColourSpaceCmyk = 3;
    private const int AccurateDct = 4096;

    // One decompressor and one scratch buffer per thread: initialising costs more than decoding a small image.
    [ThreadStatic]
    private static Decompressor? decompressor;

    public static DecodedImage Decode(ReadOnlySpan<byte> file, string name)
    {
        Decompressor own = decompressor ??= Decompressor.Create();
        fixed (byte* start = file)
        {
            if (tjDecompressHeader3(own.Handle, start, (nuint)file.Length, out int width, out int height, out _, out int colourSpace) != 0)
            {
                throw Damaged(own, name);
            }

            if (colourSpace >= ColourSpaceCmyk)
            {
                throw new DatasetException($"{name} is a CMYK JPEG; only grey and RGB (YCbCr) images can be read. Convert it to RGB or remove it.");
            }

            int channels = colourSpace == ColourSpaceGrey ? 1 : 3;
            ImageShape shape = ImageShape.Checked(channels, height, width, name);
            byte[] interleaved = own.Scratch(shape.Elements);
            fixed (byte* target = interleaved)
            {
                // A truncated file decodes with a warning and grey filling: for training data that is an error.
                if (tjDecompress2(own.Handle, start, (nuint)file.Length, target, width, 0, height, channels == 1 ? FormatGrey : FormatRgb, AccurateDct) != 0)
                {
                    throw Damaged(own, name);
                }
            }

            byte[] planar = new byte[shape.Elements];
            ToPlanes(interleaved, planar, channels);
            return new DecodedImage(shape, ImageElement.Pixel, planar);
        }
    }

    private static void ToPlanes(byte[] interleaved, byte[] planar, int channels)
    {
        int plane = planar.Length / channels;
        if (channels == 1)
        {
            interleaved.AsSpan(0, plane).CopyTo(planar);
            return;
        }

        Span<byte> red = planar.AsSpan(0, plane);
        Span<byte> green = planar.AsSpan(plane, plane);
        Span<byte> blue = planar.AsSpan(2 * plane, plane);
        for (int i = 0; i < plane; i++)
        {
            red[i] = interleaved[3 * i];
            green[i] = interleaved[(3 * i) + 1];
            blue[i] = interleaved[(3 * i) + 2];
        }
    }

    private static DatasetException Damaged(Decompressor own, string name) =>
        new($"{name} is a damaged or truncated JPEG: {Marshal.PtrToStringUTF8(tjGetErrorStr2(own.Handle))}. Replace or remove it.");

    private sealed class Decompressor
    {
        private byte[] scratch = [];

        private Decompressor(nint handle) => Handle = handle;

        ~Decompressor() => _ = tjDestroy(Handle);

        public nint Handle { get; }

        public static Decompressor Create()
        {
            try
            {
                nint handle = tjInitDecompress();
                return handle != 0 ? new Decompressor(handle) : throw new DatasetException($"{Library} could not be initialised; memory is probably exhausted.");
            }
            catch (DllNotFoundException e)
            {
                throw new DatasetException($"{Library} is missing, without which JPEG cannot be read. Install the Debian package libturbojpeg0, or convert the data set to PNG.", e);
            }
        }

        public byte[] Scratch(int bytes)
        {
            if (scratch.Length < bytes)
            {
                scratch = GC.AllocateUninitializedArray<byte>(bytes);
            }

            return scratch;
        }
    }

    [DllImport(Library)]
    private static extern nint tjInitDecompress();

    [DllImport(Library)]
    private static extern int tjDecompressHeader3(nint handle, byte* file, nuint bytes, out int width, out int height, out int subsampling, out int colourSpace);

    [DllImport(Library)]
    private static extern int tjDecompress2(nint handle, byte* file, nuint bytes, byte* target, int width, int pitch, int height, int pixelFormat, int flags);

    [DllImport(Library)]
    private static extern nint tjGetErrorStr2(nint handle);

    [DllImport(Library)]
    private static extern int tjDestroy(nint handle);
}
