using System.Runtime.InteropServices;
using System.Text;

namespace Diffusion.Native;

/// <summary>NVIDIA's driver library. Its interface is older than every libtorch and stays, so no header and no compiled code is needed to ask it.</summary>
/// <remarks>Numbers of GPUs are libtorch's: both obey CUDA_VISIBLE_DEVICES.</remarks>
internal static unsafe partial class CudaDriver
{
    private const string Library = "libcuda.so.1";
    private const int NameBytes = 256;
    private static readonly Lazy<string> Problem = new(Open);

    // CUdevice_attribute.
    private enum DeviceAttribute
    {
        MultiprocessorCount = 16,
        CapabilityMajor = 75,
        CapabilityMinor = 76,
    }

    /// <summary>Empty when the driver answers, else why not, with the remedy.</summary>
    public static string WhyNot => Problem.Value;

    public static bool IsAvailable => WhyNot.Length == 0;

    /// <summary>The newest CUDA that the driver serves, e.g. "13.0"; empty without a driver.</summary>
    public static string CudaVersion
    {
        get
        {
            int version = 0;
            return IsAvailable && cuDriverGetVersion(&version) == 0 ? FormattableString.Invariant($"{version / 1000}.{version % 1000 / 10}") : "";
        }
    }

    public static int Count
    {
        get
        {
            int count = 0;
            return IsAvailable && cuDeviceGetCount(&count) == 0 ? count : 0;
        }
    }

    public static string Name(int gpu)
    {
        byte* name = stackalloc byte[NameBytes];
        Check(cuDeviceGetName(name, NameBytes, Device(gpu)), nameof(cuDeviceGetName));
        return Marshal.PtrToStringUTF8((nint)name) ?? "";
    }

    public static long MemoryBytes(int gpu)
    {
        nuint bytes = 0;
        Check(cuDeviceTotalMem_v2(&bytes, Device(gpu)), nameof(cuDeviceTotalMem_v2));
        return (long)bytes;
    }

    public static Version Capability(int gpu) => new(Attribute(gpu, DeviceAttribute.CapabilityMajor), Attribute(gpu, DeviceAttribute.CapabilityMinor));

    public static int Multiprocessors(int gpu) => Attribute(gpu, DeviceAttribute.MultiprocessorCount);

    /// <summary>Whether one GPU reads another's memory without the processor's help.</summary>
    public static bool HasPeerAccess(int gpu, int other)
    {
        int can = 0;
        return cuDeviceCanAccessPeer(&can, Device(gpu), Device(other)) == 0 && can != 0;
    }

    /// <summary>A GPU's free and whole memory. libtorch works in the same context, so nothing new is made.</summary>
    public static (long Free, long Total) Memory(int gpu)
    {
        nint context = 0, popped = 0;
        nuint free = 0, total = 0;
        int device = Device(gpu);
        Check(cuDevicePrimaryCtxRetain(&context, device), nameof(cuDevicePrimaryCtxRetain));
        try
        {
            Check(cuCtxPushCurrent_v2(context), nameof(cuCtxPushCurrent_v2));
            try
            {
                Check(cuMemGetInfo_v2(&free, &total), nameof(cuMemGetInfo_v2));
            }
            finally
            {
                _ = cuCtxPopCurrent_v2(&popped);
            }
        }
        finally
        {
            _ = cuDevicePrimaryCtxRelease_v2(device);
        }

        return ((long)free, (long)total);
    }

    /// <summary>Copies memory in the order of a stream; the addresses tell where they lie.</summary>
    public static void Copy(nint destination, nint source, long bytes, nint stream) => Check(cuMemcpyAsync(destination, source, (nuint)bytes, stream), nameof(cuMemcpyAsync));

    private static string Open()
    {
        if (!NativeLibrary.TryLoad(Library, out _))
        {
            return $"NVIDIA's driver ({Library}) is not on this box. Install the driver, or start the container with its GPUs (docker run --gpus all).";
        }

        try
        {
            int result = cuInit(0);
            return result == 0 ? "" : $"NVIDIA's driver is here but does not start: {Describe(result)}. Look at nvidia-smi and at the kernel's log.";
        }
        catch (EntryPointNotFoundException e)
        {
            return $"{Library} is no driver of NVIDIA's that can be used: {e.Message}";
        }
    }

    private static int Device(int gpu)
    {
        int device = 0;
        Check(cuDeviceGet(&device, gpu), nameof(cuDeviceGet));
        return device;
    }

    private static int Attribute(int gpu, DeviceAttribute attribute)
    {
        int value = 0;
        Check(cuDeviceGetAttribute(&value, attribute, Device(gpu)), nameof(cuDeviceGetAttribute));
        return value;
    }

    private static void Check(int result, string call)
    {
        if (result != 0)
        {
            throw new InvalidOperationException($"NVIDIA's driver refused {call}: {Describe(result)}.");
        }
    }

    private static string Describe(int result)
    {
        byte* text = null;
        return cuGetErrorString(result, &text) == 0 && text != null
            ? $"{Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text))} (error {result})"
            : $"error {result}";
    }

    [LibraryImport(Library)] private static partial int cuInit(uint flags);

    [LibraryImport(Library)] private static partial int cuDriverGetVersion(int* version);

    [LibraryImport(Library)] private static partial int cuDeviceGetCount(int* count);

    [LibraryImport(Library)] private static partial int cuDeviceGet(int* device, int ordinal);

    [LibraryImport(Library)] private static partial int cuDeviceGetName(byte* name, int length, int device);

    [LibraryImport(Library)] private static partial int cuDeviceTotalMem_v2(nuint* bytes, int device);

    [LibraryImport(Library)] private static partial int cuDeviceGetAttribute(int* value, DeviceAttribute attribute, int device);

    [LibraryImport(Library)] private static partial int cuDeviceCanAccessPeer(int* can, int device, int peer);

    [LibraryImport(Library)] private static partial int cuDevicePrimaryCtxRetain(nint* context, int device);

    [LibraryImport(Library)] private static partial int cuDevicePrimaryCtxRelease_v2(int device);

    [LibraryImport(Library)] private static partial int cuCtxPushCurrent_v2(nint context);

    [LibraryImport(Library)] private static partial int cuCtxPopCurrent_v2(nint* context);

    [LibraryImport(Library)] private static partial int cuMemGetInfo_v2(nuint* free, nuint* total);

    [LibraryImport(Library)] private static partial int cuMemcpyAsync(nint destination, nint source, nuint bytes, nint stream);

    [LibraryImport(Library)] private static partial int cuGetErrorString(int error, byte** text);
}
