using TorchSharp;

namespace Diffusion.Native;

/// <summary>A place in the work that was asked of a device: what is done there later may begin after it, on a stream of its own, without stopping the work that follows.</summary>
/// <remarks>On the processor, where everything asked for is done at once, it does nothing.</remarks>
public sealed class DeviceMoment : IDisposable
{
    private readonly torch.Device device;
#if !USE_PACKAGES
    private nint mark;
#endif

    private DeviceMoment(torch.Device device) => this.device = device;

    /// <summary>Marks what the calling thread has asked of a device up to now.</summary>
    /// <param name="device">The device.</param>
    public static DeviceMoment Now(torch.Device device)
    {
        var moment = new DeviceMoment(device);
#if !USE_PACKAGES
        if (device.type == DeviceType.CUDA)
        {
            moment.mark = CudaBridge.NewEvent(device);
            CudaBridge.Record(moment.mark, device, CudaBridge.CurrentStream(device));
        }
#endif
        return moment;
    }

    /// <summary>Runs an action whose operations on the device come after this moment, beside the device's other work; returns when they are done.</summary>
    /// <param name="action">What to do; on any thread.</param>
    public void Then(Action action)
    {
#if !USE_PACKAGES
        if (mark != 0)
        {
            long side = CudaBridge.NewStream(device, highPriority: false);
            long before = CudaBridge.ExchangeStream(device, side);
            try
            {
                CudaBridge.Block(mark, device, side);
                action();
                CudaBridge.SynchronizeStream(device, side);
            }
            finally
            {
                _ = CudaBridge.ExchangeStream(device, before);
            }

            return;
        }
#endif
        action();
    }

    /// <summary>Frees the mark.</summary>
    public void Dispose()
    {
#if !USE_PACKAGES
        if (mark != 0)
        {
            CudaBridge.Free(mark);
            mark = 0;
        }
#endif
    }
}
