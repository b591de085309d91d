using TorchSharp;
using static TorchSharp.torch;

namespace Diffusion.Native.Operators;

/// <summary>
/// Operators with gradients for magnitude-preserving networks. Compiled single passes for float32 in the CPU's memory, TorchSharp's operations for everything else.
/// </summary>
/// <remarks>
/// The mathematics is documented where it is used, in Diffusion.Model. Images are [N, C, H, W] of any memory order; the compiled operators return them with the
/// channels of a pixel side by side (channels_last) and take them fastest that way. Their gradients cannot be differentiated again; trying to says so.
/// The same numbers give the same bits for any number of threads; another instruction set may round differently.
/// Results belong to the caller's dispose scope.
/// </remarks>
public static class FusedOperators
{
    // Fewer tiles do not repay the transform of the weights.
    private const long FewestTiles = 16;

    /// <summary>Whether the compiled operators are used.</summary>
    public static bool IsAvailable => OperatorLibrary.IsAvailable;

    /// <summary>Instruction set of the compiled operators (base, avx2, avx512), or why they are not used.</summary>
    public static string Description => IsAvailable ? OperatorLibrary.InstructionSet : OperatorLibrary.WhyNot;

    /// <summary>silu(x) / 0.596.</summary>
    /// <param name="x">Of any shape.</param>
    public static Tensor MpSilu(Tensor x)
    {
#if !USE_PACKAGES
        if (OperatorLibrary.Takes(x))
        {
            return OperatorLibrary.MpSilu.Call(x);
        }
#endif
        return ComposedOperators.MpSilu(x);
    }

    /// <summary>silu(x · scale) / 0.596, one factor per image and channel.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="scale">[N or 1, C]; cast to the type of <paramref name="x"/>.</param>
    public static Tensor ModulatedMpSilu(Tensor x, Tensor scale)
    {
#if !USE_PACKAGES
        if (OperatorLibrary.Takes(x) && OperatorLibrary.Takes(scale) && x.shape[0] >= scale.shape[0])
        {
            return OperatorLibrary.ModulatedMpSilu.Call(x, scale);
        }
#endif
        return ComposedOperators.ModulatedMpSilu(x, scale.to(x.dtype));
    }

    /// <summary>weightA · a + weightB · b, clamped to ±limit; what is clamped has no gradient.</summary>
    /// <param name="a">Of any shape.</param>
    /// <param name="b">Of the same shape; other shapes are broadcast by the composed form.</param>
    /// <param name="weightA">Weight of <paramref name="a"/>.</param>
    /// <param name="weightB">Weight of <paramref name="b"/>.</param>
    /// <param name="limit">Null for none.</param>
    public static Tensor MpSum(Tensor a, Tensor b, double weightA, double weightB, double? limit = null)
    {
#if !USE_PACKAGES
        // Images alone: an embedding is broadcast or not by the size of the batch, and the two forms round differently.
        if (OperatorLibrary.Takes(a) && OperatorLibrary.Takes(b) && a.dim() == 4 && a.shape.AsSpan().SequenceEqual(b.shape))
        {
            return OperatorLibrary.MpSum.Call(a, b, weightA, weightB, limit ?? double.PositiveInfinity);
        }
#endif
        return ComposedOperators.MpSum(a, b, weightA, weightB, limit);
    }

    /// <summary>Channels of weightA · a, then those of weightB · b.</summary>
    /// <param name="a">[N, Ca, H, W].</param>
    /// <param name="b">[N, Cb, H, W].</param>
    /// <param name="weightA">Weight of <paramref name="a"/>.</param>
    /// <param name="weightB">Weight of <paramref name="b"/>.</param>
    public static Tensor MpCat(Tensor a, Tensor b, double weightA, double weightB)
    {
#if !USE_PACKAGES
        if (OperatorLibrary.Takes(a) && OperatorLibrary.Takes(b) && a.dim() == 4)
        {
            return OperatorLibrary.MpCat.Call(a, b, weightA, weightB);
        }
#endif
        return ComposedOperators.MpCat(a, b, weightA, weightB);
    }

    /// <summary>x / (ε + rms(x)), the rms taken over <paramref name="dims"/> in at least float32.</summary>
    /// <param name="x">Of any shape.</param>
    /// <param name="dims">Dimensions that the rms is taken over; over the channels of an image there is a compiled form.</param>
    /// <param name="epsilon">ε.</param>
    public static Tensor Normalize(Tensor x, long[] dims, double epsilon)
    {
#if !USE_PACKAGES
        if (OperatorLibrary.Takes(x) && x.dim() == 4 && dims is [1])
        {
            return OperatorLibrary.PixelNorm.Call(x, epsilon);
        }
#endif
        return ComposedOperators.Normalize(x, dims, epsilon);
    }

    /// <summary>scale · gain · w / (ε + rms(w)), the rms taken over each row.</summary>
    /// <param name="weight">[outputs, …].</param>
    /// <param name="gain">Learned scalar; null for 1.</param>
    /// <param name="scale">Constant factor.</param>
    /// <param name="epsilon">ε.</param>
    public static Tensor NormalizedWeight(Tensor weight, Tensor? gain, double scale, double epsilon)
    {
#if !USE_PACKAGES
        if (OperatorLibrary.Takes(weight) && (gain is null || (OperatorLibrary.Takes(gain) && gain.dim() == 0)))
        {
            return OperatorLibrary.NormalizedWeight.Call(weight, gain, scale, epsilon);
        }
#endif
        return ComposedOperators.NormalizedWeight(weight, gain, scale, epsilon);
    }

    /// <summary>Overwrites every row of every weight by itself over (ε + its rms), outside autograd.</summary>
    /// <param name="weights">[outputs, …] each.</param>
    /// <param name="epsilon">ε.</param>
    public static void NormalizeRows(IReadOnlyList<Tensor> weights, double epsilon)
    {
#if !USE_PACKAGES
        if (weights.All(weight => OperatorLibrary.Takes(weight) && weight.is_contiguous()))
        {
            _ = OperatorLibrary.NormalizeRows.CallMany(weights.ToArray(), epsilon);
            return;
        }
#endif
        foreach (var weight in weights)
        {
            ComposedOperators.NormalizeRows(weight, epsilon);
        }
    }

    /// <summary>The mean of 2 × 2 pixels, or each pixel repeated to 2 × 2.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="up">Whether to double the resolution; otherwise height and width are even and are halved.</param>
    public static Tensor BoxResample(Tensor x, bool up)
    {
#if !USE_PACKAGES
        if (OperatorLibrary.Takes(x))
        {
            return OperatorLibrary.BoxResample.Call(x, up);
        }
#endif
        return ComposedOperators.BoxResample(x, up);
    }

    /// <summary>A convolution with zero padding that keeps the resolution. 3 × 3 and 1 × 1 have compiled forms.</summary>
    /// <param name="x">[N, C, H, W].</param>
    /// <param name="weight">[outputs, C, k, k], k odd.</param>
    public static Tensor Convolution(Tensor x, Tensor weight)
    {
#if !USE_PACKAGES
        if (OperatorLibrary.Takes(x) && OperatorLibrary.Takes(weight))
        {
            long[] image = x.shape, kernel = weight.shape;
            bool fits = kernel[1] == image[1];
            if (fits && kernel[2] == 1 && kernel[3] == 1 && kernel[0] % 16 == 0 && kernel[1] % 16 == 0)
            {
                return OperatorLibrary.Convolution1x1.Call(x, weight);
            }

            if (fits && kernel[2] == 3 && kernel[3] == 3 && image[0] * ((image[2] + 3) / 4) * ((image[3] + 3) / 4) >= FewestTiles)
            {
                return OperatorLibrary.Convolution3x3.Call(x, weight);
            }
        }
#endif
        return ComposedOperators.Convolution(x, weight);
    }

    /// <summary>Multi-head self-attention over pixels with queries, keys and values normalised per head and pixel.</summary>
    /// <param name="qkv">[N, 3C, H, W]; channel (head · C/heads + c)·3 + {0: query, 1: key, 2: value}.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="epsilon">ε of the normalisation.</param>
    /// <returns>[N, C, H, W].</returns>
    public static Tensor CosineAttention(Tensor qkv, int heads, double epsilon)
    {
#if !USE_PACKAGES
        if (OperatorLibrary.Takes(qkv) && qkv.shape[1] / 3 / heads % 16 == 0 && qkv.shape[2] * qkv.shape[3] % 16 == 0)
        {
            return OperatorLibrary.CosineAttention.Call(qkv, (long)heads, epsilon);
        }
#endif
        return ComposedOperators.CosineAttention(qkv, heads, epsilon);
    }
}
