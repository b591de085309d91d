using Diffusion.Contracts.Configuration;
using Diffusion.Model.Costs;
using Diffusion.Native;
using TorchSharp;

namespace Diffusion.Worker.Training;

/// <summary>What to do when a device's memory does not suffice.</summary>
internal static class MemoryAdvice
{
    /// <summary>One message: where, how many images, how many would fit, and what to change.</summary>
    public static string For(RunConfig config, ReplicaState state, int images, Exception failure)
    {
        var estimate = NetworkEstimate.Of(state.Network.Options);
        long all = state.Device.type == DeviceType.CUDA
            ? GpuEnvironment.Gpus[Math.Max(0, state.Device.index)].MemoryBytes
            : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        int fit = DeviceMemory.ImagesThatFit(images, all, estimate.TrainingStateBytes(state.Averages.Count), estimate.ActivationBytesPerImage(config.Training.Precision));
        string advice = fit > 0
            ? FormattableString.Invariant($"By estimate {fit} {(fit == 1 ? "image fits" : "images fit")}: begin the run anew with --batch-gpu {fit}, or end what else uses the device.")
            : "By estimate not even one image fits beside the training state: take a smaller network, half precision, or a device with more memory.";
        return FormattableString.Invariant($"{state.Device} ran out of memory in a forward and backward pass of {images} {(images == 1 ? "image" : "images")} ({all / 1e9:0.0} GB in all). {advice} libtorch says: {failure.Message.Split('\n')[0]}");
    }
}
