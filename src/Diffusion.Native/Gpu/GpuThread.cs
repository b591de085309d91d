using TorchSharp;

namespace Diffusion.Native;

/// <summary>The current GPU is a property of a thread: a rank's thread is bound to its own.</summary>
public static class GpuThread
{
    /// <summary>Makes a GPU the current one of the calling thread, for libraries that ask; libtorch's operations go where their tensors are.</summary>
    /// <param name="device">libtorch's name; nothing is done for the processor.</param>
    public static void Enter(string device)
    {
#if !USE_PACKAGES
        if (torch.device(device) is { type: DeviceType.CUDA } gpu)
        {
            _ = CudaBridge.ExchangeDevice(Math.Max(0, gpu.index));
        }
#endif
    }
}
