using Diffusion.Contracts.Configuration;
using Diffusion.Worker.Session;

namespace Diffusion.Worker;

/// <summary>What decides the bits of results on some devices, apart from weights and options.</summary>
public static class Numerics
{
    /// <summary>The same for processes that compute the same bits with equal numbers of threads.</summary>
    /// <param name="devices">The devices.</param>
    public static string Of(DeviceList devices) => string.Join(' ', [TorchSharp.torch.__version__, .. Fingerprint.Of(devices).Select(e => e.Value)]);
}
