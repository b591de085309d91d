using Diffusion.Contracts.Configuration;
using Diffusion.Native;

namespace Diffusion.Worker;

/// <summary>The GPUs of this box, for reading lists of devices.</summary>
public static class Accelerators
{
    /// <summary>What is here. Loads libtorch.</summary>
    public static GpuInventory Inventory() => new([.. GpuEnvironment.Gpus.Select(gpu => gpu.Name)], GpuEnvironment.WhyNone);
}
