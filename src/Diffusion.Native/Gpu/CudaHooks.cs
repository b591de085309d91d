namespace Diffusion.Native;

/// <summary>What libtorch knows of CUDA and the published package does not tell: without our own bridge the versions are unknown, and nothing else is lost.</summary>
internal static class CudaHooks
{
#if USE_PACKAGES
    public static bool HasCuda => TorchSharp.torch.cuda.is_available();

    public static long RuntimeVersion => 0;

    public static long CuDnnVersion => 0;
#else
    public static bool HasCuda => TorchSharp.CudaBridge.IsCompiledIn;

    public static long RuntimeVersion => TorchSharp.CudaBridge.RuntimeVersion;

    public static long CuDnnVersion => TorchSharp.CudaBridge.CuDnnVersion;
#endif
}
