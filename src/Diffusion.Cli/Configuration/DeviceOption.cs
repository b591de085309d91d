using Diffusion.Contracts.Configuration;
using TorchSharp;

namespace Diffusion.Cli.Configuration;

/// <summary>The device a verb computes on.</summary>
internal static class DeviceOption
{
    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <exception cref="ConfigurationException">It is none, or this box has no such GPU.</exception>
    public static torch.Device Read(string name)
    {
        torch.Device device;
        try
        {
            device = torch.device(name);
        }
        catch (ArgumentException e)
        {
            throw new ConfigurationException($"--device: {e.Message.Split(" (Parameter")[0]}");
        }

        int gpus = device.type == DeviceType.CUDA ? torch.cuda.device_count() : 0;
        return device.type == DeviceType.CPU || (gpus > 0 && device.index < gpus)
            ? device
            : throw new ConfigurationException($"--device {name}: this libtorch sees {gpus} GPUs. Use cpu{(gpus > 0 ? $" or cuda:0 to cuda:{gpus - 1}" : ", or point LIBTORCH at a libtorch with CUDA")}.");
    }
}
