using TorchSharp;

namespace Diffusion.Native;

/// <summary>How exactly GPUs compute: settings of the whole process, made before its first network is.</summary>
public static class ComputePolicy
{
    /// <summary>
    /// Sets the precision of products. libtorch's own defaults are none to train with: convolutions of float32 are rounded to ten bits of mantissa (TF32), and half precision adds up in half precision.
    /// </summary>
    /// <param name="tf32">Whether float32 products and convolutions may round their factors to TF32.</param>
    public static void Apply(bool tf32)
    {
        torch.backends.cuda.matmul.allow_tf32 = tf32;
        torch.backends.cudnn.allow_tf32 = tf32;
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = false;
#if !USE_PACKAGES
        CudaBridge.ForbidReducedPrecisionBFloat16();
#endif
    }

    /// <summary>Whether every operation gives the same bits whenever it is repeated on the same GPU model: what exact training stands on.</summary>
    /// <param name="exact">
    /// True: convolutions never pick their algorithm by timing, and operations without a reproducible form warn. False: the fastest algorithm of each size is measured once and kept.
    /// </param>
    public static void Reproducible(bool exact)
    {
#if !USE_PACKAGES
        CudaBridge.SetCuDnn(deterministic: exact, benchmark: !exact);
#endif

        // Of the whole process and for its life: not disposed.
        _ = torch.use_deterministic_algorithms(exact, warn_only: true);
    }
}
