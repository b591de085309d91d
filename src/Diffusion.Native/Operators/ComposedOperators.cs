using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Diffusion.Native.Operators;

/// <summary>The same mathematics in TorchSharp's operations: for GPUs, for other number formats, for second derivatives, and where the library is missing.</summary>
internal static class ComposedOperators
{
    public const double SiluMagnitude = 0.596;

    public static Tensor MpSilu(Tensor x) => F.silu(x).div(SiluMagnitude);

    public static Tensor ModulatedMpSilu(Tensor x, Tensor scale) => MpSilu(x.mul(scale.unsqueeze(2).unsqueeze(3)));

    public static Tensor MpSum(Tensor a, Tensor b, double weightA, double weightB, double? limit)
    {
        var sum = a.mul(weightA).add(b, weightB);
        return limit is { } bound ? sum.clamp(-bound, bound) : sum;
    }

    public static Tensor MpCat(Tensor a, Tensor b, double weightA, double weightB) => cat([a.mul(weightA), b.mul(weightB)], 1);

    public static Tensor Normalize(Tensor x, long[] dims, double epsilon) => x.mul(InverseMagnitude(x, dims, epsilon).to(x.dtype));

    public static Tensor NormalizedWeight(Tensor weight, Tensor? gain, double scale, double epsilon)
    {
        // One factor per output, so that the weight itself is read and written once.
        var factor = InverseMagnitude(weight, RowDimensions(weight), epsilon).mul(scale);
        return weight.mul(gain is null ? factor : factor.mul(gain));
    }

    public static void NormalizeRows(Tensor weight, double epsilon)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        weight.copy_(Normalize(weight, RowDimensions(weight), epsilon));
    }

    public static Tensor BoxResample(Tensor x, bool up)
    {
        if (!up)
        {
            return F.avg_pool2d(x, 2);
        }

        var (images, channels, height, width) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
        return x.reshape(images, channels, height, 1, width, 1).expand(images, channels, height, 2, width, 2).reshape(images, channels, 2 * height, 2 * width);
    }

    public static Tensor Convolution(Tensor x, Tensor weight) => Convolution(x, weight, OperatorChoice.ChannelsLast && x.is_cuda);

    public static Tensor Convolution(Tensor x, Tensor weight, bool channelsLast) => channelsLast
        ? F.conv2d(WithChannelsLast(x), WithChannelsLast(weight), null, strides: [1, 1], padding: [weight.shape[2] / 2, weight.shape[3] / 2])
        : F.conv2d(x, weight, null, strides: [1, 1], padding: [weight.shape[2] / 2, weight.shape[3] / 2]);

    public static Tensor CosineAttention(Tensor qkv, int heads, double epsilon) => CosineAttention(qkv, heads, epsilon, OperatorChoice.FusedAttention && qkv.is_cuda);

    public static Tensor CosineAttention(Tensor qkv, int heads, double epsilon, bool fused)
    {
        long images = qkv.shape[0], channels = qkv.shape[1] / 3, height = qkv.shape[2], width = qkv.shape[3];
        long depth = channels / heads;
        var parts = Normalize(qkv.reshape(images, heads, depth, 3, height * width), [2], epsilon).unbind(3);
        var (query, key, value) = (parts[0], parts[1], parts[2]);

        if (fused)
        {
            return F.scaled_dot_product_attention(query.transpose(2, 3), key.transpose(2, 3), value.transpose(2, 3)).transpose(2, 3).reshape(images, channels, height, width);
        }

        // [N, heads, queries, keys]
        var weights = query.transpose(2, 3).matmul(key.div(Math.Sqrt(depth))).softmax(-1);
        return value.matmul(weights.transpose(2, 3)).reshape(images, channels, height, width);
    }

    /// <summary>1 / (ε + rms) in float32 (float64 stays); the reduced dimensions stay, with size 1.</summary>
    private static Tensor InverseMagnitude(Tensor x, long[] dims, double epsilon)
    {
        var norm = linalg.vector_norm(x.dtype == ScalarType.Float64 ? x : x.to(ScalarType.Float32), 2, dims, keepdim: true);
        return norm.mul(Math.Sqrt((double)norm.numel() / x.numel())).add(epsilon).reciprocal();
    }

    // Copies only what is stored otherwise; the public surface has no name for memory orders.
    private static Tensor WithChannelsLast(Tensor x) => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    private static long[] RowDimensions(Tensor weight) => [.. Enumerable.Range(1, (int)weight.dim() - 1)];
}
