namespace TorchSharp;

/// <summary>Moving and converting a module, which keeps its static type.</summary>
public static class ModuleExtensionMethods
{
    /// <summary>Moves the weights in place.</summary>
    /// <returns>The module.</returns>
    public static T to<T>(this T module, torch.Device device, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, device, null, non_blocking);

    /// <inheritdoc cref="to{T}(T, torch.Device, bool)"/>
    public static T to<T>(this T module, string device, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, torch.device(device), null, non_blocking);

    /// <inheritdoc cref="to{T}(T, torch.Device, bool)"/>
    public static T to<T>(this T module, DeviceType deviceType, int deviceIndex = -1, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, torch.device(deviceType, deviceIndex), null, non_blocking);

    /// <summary>Converts the weights in place; integers keep their type.</summary>
    /// <returns>The module.</returns>
    public static T to<T>(this T module, torch.ScalarType type, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, null, type, non_blocking);

    /// <summary>Moves and converts the weights in place; integers keep their type.</summary>
    /// <returns>The module.</returns>
    public static T to<T>(this T module, torch.Device device, torch.ScalarType type, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, device, type, non_blocking);

    /// <summary>Moves the weights to main memory.</summary>
    /// <returns>The module.</returns>
    public static T cpu<T>(this T module, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, torch.CPU, null, non_blocking);

    /// <summary>Moves the weights to a GPU, by default the current one.</summary>
    /// <returns>The module.</returns>
    public static T cuda<T>(this T module, int deviceIndex = -1, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, torch.device(DeviceType.CUDA, deviceIndex), null, non_blocking);

    /// <summary>Converts the weights to half precision.</summary>
    /// <returns>The module.</returns>
    public static T half<T>(this T module, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, null, torch.ScalarType.Float16, non_blocking);

    /// <summary>Converts the weights to single precision.</summary>
    /// <returns>The module.</returns>
    public static T @float<T>(this T module, bool non_blocking = false)
        where T : torch.nn.Module => Moved(module, null, torch.ScalarType.Float32, non_blocking);

    private static T Moved<T>(T module, torch.Device? device, torch.ScalarType? type, bool nonBlocking)
        where T : torch.nn.Module
    {
        module.MoveTo(device, type, nonBlocking);
        return module;
    }
}
