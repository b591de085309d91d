using TorchSharp;

namespace Diffusion.Native;

/// <summary>One GPU, as its driver describes it.</summary>
/// <param name="Number">libtorch's number.</param>
/// <param name="Name">The model, e.g. "NVIDIA H200".</param>
/// <param name="MemoryBytes">All of its memory.</param>
/// <param name="Capability">Compute capability, e.g. 9.0.</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
public sealed record GpuDescription(int Number, string Name, long MemoryBytes, Version Capability, int Multiprocessors);

/// <summary>What GPUs and what libraries for them this process can use.</summary>
public static class GpuEnvironment
{
    /// <summary>The GPUs that libtorch sees, in the order of their numbers.</summary>
    public static IReadOnlyList<GpuDescription> Gpus { get; } = Find();

    /// <summary>Why <see cref="Gpus"/> is empty, with the remedy; empty when it is not.</summary>
    public static string WhyNone => Gpus.Count > 0 ? ""
        : !CudaDriver.IsAvailable ? CudaDriver.WhyNot
        : CudaDriver.Count == 0 ? "NVIDIA's driver is here and shows no GPU. Look at CUDA_VISIBLE_DEVICES and nvidia-smi."
        : $"NVIDIA's driver shows {CudaDriver.Name(0)}, but this libtorch {torch.__version__} cannot use it: {(IsCudaLoaded ? $"its CUDA {CudaRuntime} and the driver's, {CudaDriver.CudaVersion}, do not go together" : "it was built without CUDA")}. Point LIBTORCH at one with CUDA (the torch folder of a Python package will do) and build again.";

    /// <summary>The newest CUDA that the driver serves, e.g. "13.0"; empty without a driver.</summary>
    public static string Driver => CudaDriver.CudaVersion;

    /// <summary>CUDA's runtime beside libtorch, e.g. "13.0"; empty without.</summary>
    public static string CudaRuntime => Version(CudaHooks.RuntimeVersion, major: 1000, minor: 10);

    /// <summary>cuDNN's version, e.g. "9.10.2"; empty without.</summary>
    public static string CuDnn
    {
        get
        {
            long version = CudaHooks.CuDnnVersion;

            // 8.9.7 is 8907, 9.10.2 is 91002.
            return version <= 0 ? "" : version < 10000 ? FormattableString.Invariant($"{version / 1000}.{version / 100 % 10}.{version % 100}") : FormattableString.Invariant($"{version / 10000}.{version / 100 % 100}.{version % 100}");
        }
    }

    /// <summary>Whether the passes over arenas are compiled for GPUs; otherwise they are several of libtorch's operations.</summary>
    public static bool HasKernels => CudaKernels.Instance is not null;

    /// <summary>Empty, or why there are no compiled kernels, and the remedy.</summary>
    public static string WhyNoKernels => CudaKernels.WhyNot;

    /// <summary>Whether libtorch's CUDA half is in this process.</summary>
    public static bool IsCudaLoaded => CudaHooks.HasCuda;

    /// <summary>Whether one GPU reads another's memory without the processor's help.</summary>
    /// <param name="gpu">Number of the one.</param>
    /// <param name="other">Number of the other.</param>
    public static bool HasPeerAccess(int gpu, int other) => CudaDriver.HasPeerAccess(gpu, other);

    private static GpuDescription[] Find()
    {
        int count = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        return [.. Enumerable.Range(0, count).Select(Describe)];
    }

    private static GpuDescription Describe(int gpu) => CudaDriver.IsAvailable
        ? new GpuDescription(gpu, CudaDriver.Name(gpu), CudaDriver.MemoryBytes(gpu), CudaDriver.Capability(gpu), CudaDriver.Multiprocessors(gpu))
        : new GpuDescription(gpu, "unknown GPU", 0, new Version(0, 0), 0);

    private static string Version(long number, int major, int minor) => number <= 0 ? "" : FormattableString.Invariant($"{number / major}.{number % major / minor}");
}
