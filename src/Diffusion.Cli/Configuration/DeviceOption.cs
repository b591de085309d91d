using Diffusion.Contracts.Configuration;
using Diffusion.Native;
using Diffusion.Worker;
using TorchSharp;

namespace Diffusion.Cli.Configuration;

/// <summary>The device a verb computes on.</summary>
internal static class DeviceOption
{
    /// <summary>How it is written, for help texts.</summary>
    public const string Forms = "auto (the first GPU if there is one), cpu, cuda, or a GPU by number: cuda:1";

    /// <summary>What <c>--tf32</c> gives up, for help texts.</summary>
    public const string Tf32 = "Let GPUs round the factors of float32 products to ten bits of mantissa: faster, with errors of 1e-3 in place of 1e-7";

    /// <summary>Reads a device and sets how exactly this process computes on it.</summary>
    /// <param name="name">What was asked for.</param>
    /// <param name="tf32">Whether <c>--tf32</c> was given.</param>
    /// <param name="part">Which of several processes that share a job this is, from 0: they take turns with the GPUs.</param>
    /// <exception cref="ConfigurationException">It is none, or this box has no such GPU.</exception>
    public static torch.Device Read(string name, bool tf32 = false, int part = 0)
    {
        var list = part > 0 ? DeviceList.Parse("--device", name, Accelerators.Inventory) : DeviceList.ParseOne("--device", name, Accelerators.Inventory);
        var device = torch.device(list.NameOf(part % list.Count));
        ComputePolicy.Apply(tf32);
        return device;
    }
}
