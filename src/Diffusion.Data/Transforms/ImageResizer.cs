namespace Diffusion.Data;

/// <summary>Kernel of a resize.</summary>
public enum ResizeFilter
{
    /// <summary>Mean over the area.</summary>
    Box,

    /// <summary>Cubic with a = −0.5.</summary>
    Bicubic,

    /// <summary>Windowed sinc, a = 3.</summary>
    Lanczos,
}

/// <summary>
/// Antialiased separable resizing of 8-bit images in the arithmetic of Pillow, on which the field's published data sets and metrics rest:
/// rows first, then columns, 22-bit fixed-point weights, 8-bit values between the two.
/// </summary>
public static class ImageResizer
{
    private const int PrecisionBits = 32 - 8 - 2;

    /// <summary>Resizes.</summary>
    /// <param name="image">Pixels; latents cannot be resized.</param>
    /// <param name="width">New width, at least 1.</param>
    /// <param name="height">New height, at least 1.</param>
    /// <param name="filter">Kernel; widened by the factor when an axis shrinks.</param>
    /// <returns>The same object when the size is the same.</returns>
    public static DecodedImage Resize(DecodedImage image, int width, int height, ResizeFilter filter)
    {
        if (image.Element != ImageElement.Pixel)
        {
            throw new ArgumentException("Latents cannot be resized; resize the pixels they were made from.", nameof(image));
        }

        ImageShape shape = image.Shape;
        ImageShape target = ImageShape.Checked(shape.Channels, height, width, "The resized image");
        if (target == shape)
        {
            return image;
        }

        byte[] pixels = image.Bytes;
        if (width != shape.Width)
        {
            pixels = ResizeRows(pixels, shape.Channels * shape.Height, shape.Width, width, filter);
        }

        if (height != shape.Height)
        {
            pixels = ResizeColumns(pixels, shape.Channels, shape.Height, height, width, filter);
        }

        return new DecodedImage(target, ImageElement.Pixel, pixels);
    }

    private static byte[] ResizeRows(byte[] pixels, int rows, int width, int newWidth, ResizeFilter filter)
    {
        Window[] windows = Windows(width, newWidth, filter);
        byte[] output = new byte[checked(rows * newWidth)];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<byte> source = pixels.AsSpan(row * width, width);
            for (int x = 0; x < newWidth; x++)
            {
                Window window = windows[x];
                int sum = 1 << (PrecisionBits - 1);
                for (int i = 0; i < window.Weights.Length; i++)
                {
                    sum += source[window.Start + i] * window.Weights[i];
                }

                output[(row * newWidth) + x] = Clip(sum);
            }
        }

        return output;
    }

    private static byte[] ResizeColumns(byte[] pixels, int channels, int height, int newHeight, int width, ResizeFilter filter)
    {
        Window[] windows = Windows(height, newHeight, filter);
        byte[] output = new byte[checked(channels * newHeight * width)];
        int[] sums = new int[width];
        for (int row = 0; row < channels * newHeight; row++)
        {
            (int channel, int y) = Math.DivRem(row, newHeight);
            Window window = windows[y];
            sums.AsSpan().Fill(1 << (PrecisionBits - 1));
            for (int i = 0; i < window.Weights.Length; i++)
            {
                ReadOnlySpan<byte> source = pixels.AsSpan(((channel * height) + window.Start + i) * width, width);
                int weight = window.Weights[i];
                for (int x = 0; x < width; x++)
                {
                    sums[x] += source[x] * weight;
                }
            }

            for (int x = 0; x < width; x++)
            {
                output[(row * width) + x] = Clip(sums[x]);
            }
        }

        return output;
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> PrecisionBits, 0, 255);

    /// <summary>For every output pixel: the first input pixel it sees, and the weights of those from there on.</summary>
    private static Window[] Windows(int size, int newSize, ResizeFilter filter)
    {
        (double support, Func<double, double> kernel) = filter switch
        {
            ResizeFilter.Box => (0.5, Box),
            ResizeFilter.Bicubic => (2.0, Bicubic),
            ResizeFilter.Lanczos => (3.0, (Func<double, double>)Lanczos),
            _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "No such filter."),
        };
        double scale = (double)size / newSize;
        double widening = Math.Max(scale, 1.0);
        support *= widening;
        var windows = new Window[newSize];
        for (int i = 0; i < newSize; i++)
        {
            double centre = (i + 0.5) * scale;
            int start = Math.Max((int)(centre - support + 0.5), 0);
            int end = Math.Min((int)(centre + support + 0.5), size);
            double[] weights = new double[end - start];
            double total = 0;
            for (int j = 0; j < weights.Length; j++)
            {
                weights[j] = kernel((j + start - centre + 0.5) * (1.0 / widening));
                total += weights[j];
            }

            windows[i] = new Window(start, Array.ConvertAll(weights, weight => FixedPoint(total != 0 ? weight / total : weight)));
        }

        return windows;
    }

    private static int FixedPoint(double weight) => (int)((weight * (1 << PrecisionBits)) + (weight < 0 ? -0.5 : 0.5));

    private static double Box(double x) => x is > -0.5 and <= 0.5 ? 1 : 0;

    private static double Bicubic(double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        return x < 1 ? ((((A + 2) * x) - (A + 3)) * x * x) + 1
            : x < 2 ? ((((x - 5) * x) + 8) * x - 4) * A
            : 0;
    }

    private static double Lanczos(double x) => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0;

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);

    private readonly record struct Window(int Start, int[] Weights);
}
