using System.Diagnostics;
using TorchSharp;

namespace Diffusion.Native;

/// <summary>Memory of devices.</summary>
public static class GpuMemory
{
    /// <summary>Bytes of a device that are taken: libtorch keeps what it took once, so after work it is the most that was needed. For the processor, the most this process had.</summary>
    /// <param name="device">libtorch's name.</param>
    public static long UsedBytes(string device)
    {
        if (torch.device(device) is not { type: DeviceType.CUDA } gpu)
        {
            using var process = Process.GetCurrentProcess();
            return process.PeakWorkingSet64;
        }

        var (free, total) = CudaDriver.Memory(Math.Max(0, gpu.index));
        return total - free;
    }

    /// <summary>Free bytes of a GPU.</summary>
    /// <param name="gpu">Its number.</param>
    public static long FreeBytes(int gpu) => CudaDriver.Memory(gpu).Free;
}
