using Diffusion.Native.Operators;
using F = TorchSharp.torch.nn.functional;

namespace Diffusion.Model.Layers;

/// <summary>Which way a block changes the resolution.</summary>
public enum ResampleMode
{
    /// <summary>Same resolution.</summary>
    Keep,

    /// <summary>Half the resolution.</summary>
    Down,

    /// <summary>Twice the resolution.</summary>
    Up,
}

/// <summary>
/// The operations every EDM2 layer is made of; each keeps the expected magnitude of its input (Karras et al., arXiv:2312.02696, Appendix B).
/// What they compute stands here; how, in <see cref="FusedOperators"/>: compiled single passes for float32 on the CPU, TorchSharp's operations elsewhere.
/// </summary>
/// <remarks>N images, C channels, H × W pixels. Results and temporaries belong to the caller's dispose scope.</remarks>
public static class MagnitudePreserving
{
    /// <summary>ε of every normalisation. It is added to the rms, not put under the root: a unit vector comes out with rms 1/(1+ε).</summary>
    public const double Epsilon = 1e-4;

    /// <summary>x / (ε + rms(x)), the rms taken over <paramref name="dims"/> in float32.</summary>
    /// <param name="x">Of any shape.</param>
    /// <param name="dims">Null for all but the first.</param>
    /// <param name="epsilon">ε.</param>
    public static Tensor Normalize(Tensor x, long[]? dims = null, double epsilon = Epsilon)
    {
        dims ??= [.. Enumerable.Range(1, (int)x.dim() - 1)];
        return FusedOperators.Normalize(x, dims, epsilon);
    }

    /// <summary>Forced weight normalisation: overwrites <paramref name="weights"/> by their normalised selves, outside autograd.</summary>
    public static void NormalizeInPlace(params IReadOnlyList<Tensor> weights) => FusedOperators.NormalizeRows(weights, Epsilon);

    /// <summary>
    /// The weight a layer multiplies with: normalised inside autograd, times gain/√fan_in, in the number format of the layer's input
    /// (Equation 66). Normalised also in evaluation, because averaged weights are not of unit magnitude.
    /// </summary>
    /// <param name="weight">[out, in, …] float32.</param>
    /// <param name="gain">Learned scalar; null for 1.</param>
    /// <param name="type">Type of the result.</param>
    public static Tensor EffectiveWeight(Tensor weight, Tensor? gain, ScalarType type)
    {
        double scale = 1 / Math.Sqrt((double)weight.numel() / weight.shape[0]);
        return FusedOperators.NormalizedWeight(weight, gain, scale, Epsilon).to(type);
    }

    /// <summary>A linear layer, or a convolution with zero padding if the weight has four dimensions; always without bias.</summary>
    /// <param name="x">[N, in] or [N, in, H, W].</param>
    /// <param name="weight">[out, in] or [out, in, k, k] float32, as stored.</param>
    /// <param name="gain">Learned scalar; null for 1.</param>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? gain = null)
    {
        var effective = EffectiveWeight(weight, gain, x.dtype);
        return weight.dim() == 2 ? Rows(x, effective) : FusedOperators.Convolution(x, effective);
    }

    // A single row would become a matrix-vector product, which adds in another order: an image would depend on whether it has company in its batch.
    private static Tensor Rows(Tensor x, Tensor weight) => x.shape[0] == 1 ? F.linear(torch.cat([x, x], 0), weight).narrow(0, 0, 1) : F.linear(x, weight);

    /// <summary>silu(x) / 0.596 (Equation 81), where 0.596 is E[silu(x)²]^½ for x ~ N(0, 1).</summary>
    public static Tensor Silu(Tensor x) => FusedOperators.MpSilu(x);

    /// <summary>silu(y · c) / 0.596, the modulation of a block's residual branch.</summary>
    /// <param name="y">[N, C, H, W].</param>
    /// <param name="c">[N or 1, C]; cast to the type of <paramref name="y"/>.</param>
    public static Tensor ModulatedSilu(Tensor y, Tensor c) => FusedOperators.ModulatedMpSilu(y, c);

    /// <summary>((1−t)·a + t·b) / √((1−t)² + t²) (Equation 88).</summary>
    /// <param name="a">First term.</param>
    /// <param name="b">Second term, of the same shape.</param>
    /// <param name="t">Share of the second term.</param>
    /// <param name="limit">Clamps the sum to ±limit; null for no clamp. What is clamped has no gradient.</param>
    public static Tensor Sum(Tensor a, Tensor b, double t = 0.5, double? limit = null)
    {
        double scale = 1 / Math.Sqrt(((1 - t) * (1 - t)) + (t * t));
        return FusedOperators.MpSum(a, b, (1 - t) * scale, t * scale, limit);
    }

    /// <summary>Concatenation along channels in which <paramref name="a"/> contributes 1−t and <paramref name="b"/> t of the magnitude, however many channels each has (Equation 103).</summary>
    public static Tensor Cat(Tensor a, Tensor b, double t = 0.5)
    {
        double countA = a.shape[1], countB = b.shape[1];
        double scale = Math.Sqrt((countA + countB) / (((1 - t) * (1 - t)) + (t * t)));
        return FusedOperators.MpCat(a, b, scale / Math.Sqrt(countA) * (1 - t), scale / Math.Sqrt(countB) * t);
    }

    /// <summary>√2 · cos(v·f + φ) for every value v and every frequency f with its phase φ (Equation 75); float32 inside.</summary>
    /// <param name="values">[N].</param>
    /// <param name="frequencies">[n].</param>
    /// <param name="phases">[n].</param>
    /// <returns>[N, n] in the type of <paramref name="values"/>.</returns>
    public static Tensor Fourier(Tensor values, Tensor frequencies, Tensor phases)
    {
        var angles = values.to(ScalarType.Float32).unsqueeze(1).mul(frequencies.unsqueeze(0)).add(phases.unsqueeze(0));
        return angles.cos().mul(Math.Sqrt(2)).to(values.dtype);
    }

    /// <summary>Halves or doubles the resolution with a separable even-length filter (normalised to sum 1); [1, 1] averages 2 × 2 pixels or repeats them.</summary>
    public static Tensor Resample(Tensor x, IReadOnlyList<double> filter, ResampleMode mode)
    {
        if (mode == ResampleMode.Keep)
        {
            return x;
        }

        // The box filter has cheaper forms than a depthwise convolution.
        if (filter.Count == 2 && filter[0] == filter[1])
        {
            return FusedOperators.BoxResample(x, up: mode == ResampleMode.Up);
        }

        long channels = x.shape[1], padding = (filter.Count - 1) / 2;
        var kernel = Kernel(filter, mode == ResampleMode.Up ? 4 : 1).to(x.device).to(x.dtype).expand(channels, 1, filter.Count, filter.Count);
        return mode == ResampleMode.Down
            ? F.conv2d(x, kernel, null, strides: [2, 2], padding: [padding, padding], groups: channels)
            : F.conv_transpose2d(x, kernel, null, strides: [2, 2], padding: [padding, padding], groups: channels);
    }

    /// <summary>Multi-head self-attention over the pixels, with cosine similarity: queries, keys and values are normalised per head (configuration C).</summary>
    /// <param name="qkv">[N, 3C, H, W]; output channel (head · C/heads + c)·3 + {0: query, 1: key, 2: value}, that is interleaved, not stacked.</param>
    /// <param name="heads">Number of heads.</param>
    /// <returns>[N, C, H, W].</returns>
    public static Tensor Attention(Tensor qkv, int heads) => FusedOperators.CosineAttention(qkv, heads, Epsilon);

    private static Tensor Kernel(IReadOnlyList<double> filter, double gain)
    {
        double sum = filter.Sum();
        float[] outer = [.. filter.SelectMany(_ => filter, (row, column) => (float)(gain * row / sum * column / sum))];
        return torch.tensor(outer).reshape(1, 1, filter.Count, filter.Count);
    }
}
