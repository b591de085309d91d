using TorchSharp;

namespace Diffusion.Native.Operators;

/// <summary>Which of several forms of an operation GPUs use. Decided once for a process, before its first network runs; the processor's forms do not depend on it.</summary>
public static class OperatorChoice
{
    private static readonly Version FirstWithFusedAttention = new(2, 0);

    /// <summary>Whether images keep the channels of a pixel side by side, as tensor cores like them, or each channel's pixels.</summary>
    public static bool ChannelsLast { get; set; }

    /// <summary>Whether attention is libtorch's scaled_dot_product_attention, which keeps no matrix of weights. Its gradients are not reproducible to the bit on every GPU.</summary>
    public static bool FusedAttention { get; set; }

    /// <summary>Whether this libtorch has such an attention.</summary>
    public static bool HasFusedAttention => Version.TryParse(torch.__version__.Split('+')[0], out var version) && version >= FirstWithFusedAttention;
}
