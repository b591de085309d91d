namespace Diffusion.Evaluation.Features;

/// <summary>Resizing in float32 with a kernel that widens when an axis shrinks, as PyTorch's <c>interpolate(mode="bicubic", antialias=True, align_corners=False)</c>, which TorchSharp does not publish.</summary>
internal static class AntialiasedResize
{
    /// <summary>Resizes [N, C, H, W] to a square by the cubic kernel with a = −0.5: one matrix product per axis.</summary>
    public static Tensor Bicubic(Tensor images, int size)
    {
        var columns = Weights((int)images.shape[3], size).to(images.device);
        var rows = Weights((int)images.shape[2], size).to(images.device);
        return rows.matmul(images.matmul(columns.t()));
    }

    // Row i holds the weights of all old pixels in new pixel i.
    internal static Tensor Weights(int size, int newSize)
    {
        double scale = (double)size / newSize;
        double widening = Math.Max(scale, 1);
        double support = 2 * widening;
        var weights = new float[newSize * size];
        for (int i = 0; i < newSize; i++)
        {
            double centre = (i + 0.5) * scale;
            int first = Math.Max((int)(centre - support + 0.5), 0);
            int end = Math.Min((int)(centre + support + 0.5), size);
            double[] window = [.. Enumerable.Range(first, end - first).Select(j => Cubic((j - centre + 0.5) / widening))];
            double total = window.Sum();
            for (int j = 0; j < window.Length; j++)
            {
                weights[(i * size) + first + j] = (float)(window[j] / total);
            }
        }

        return torch.tensor(weights).reshape(newSize, size);
    }

    // Keys' kernel, a = −0.5.
    private static double Cubic(double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        return x < 1 ? ((((A + 2) * x) - (A + 3)) * x * x) + 1
            : x < 2 ? ((((x - 5) * x) + 8) * x - 4) * A
            : 0;
    }
}
