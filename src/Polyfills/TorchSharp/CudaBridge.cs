namespace TorchSharp;

/// <summary>
/// CUDA below the published surface: versions, switches, streams and events. Read by Diffusion.Native, which does without where there is only the package.
/// It goes through libtorch's own interface for any device, so the bridge needs no header of CUDA's.
/// </summary>
internal static unsafe class CudaBridge
{
    /// <summary>Whether libtorch's CUDA half was loaded; a GPU may still be missing.</summary>
    internal static bool IsCompiledIn => NativeMethods.dt_cuda_compiled() != 0;

    /// <summary>CUDA's runtime, 13000 for 13.0; 0 without.</summary>
    internal static long RuntimeVersion => NativeMethods.dt_cuda_runtime_version();

    /// <summary>cuDNN, 91002 for 9.10.2; 0 without.</summary>
    internal static long CuDnnVersion => NativeMethods.dt_cudnn_version();

    /// <summary>Sums of bfloat16 products are kept in single precision. The published package has the switch for float16 alone.</summary>
    internal static void ForbidReducedPrecisionBFloat16() => NativeMethods.Check(NativeMethods.dt_set_bf16_reduction(0));

    /// <summary>Whether convolutions must be reproducible, and whether their algorithms are chosen by timing.</summary>
    internal static void SetCuDnn(bool deterministic, bool benchmark) => NativeMethods.Check(NativeMethods.dt_set_cudnn(deterministic ? 1 : 0, benchmark ? 1 : 0));

    /// <summary>The number of the calling thread's current GPU, which is replaced.</summary>
    internal static int ExchangeDevice(int index)
    {
        int before = NativeMethods.dt_exchange_device(index);
        NativeMethods.Check(before);
        return before;
    }

    /// <summary>A stream of the device's pool.</summary>
    internal static long NewStream(torch.Device device, bool highPriority)
    {
        long id;
        NativeMethods.Check(NativeMethods.dt_stream_from_pool(device.Packed, highPriority ? 1 : 0, &id));
        return id;
    }

    /// <summary>The calling thread's current stream of a device, which is replaced.</summary>
    internal static long ExchangeStream(torch.Device device, long stream)
    {
        long before;
        NativeMethods.Check(NativeMethods.dt_exchange_stream(device.Packed, stream, &before));
        return before;
    }

    /// <summary>The calling thread's current stream of a device.</summary>
    internal static long CurrentStream(torch.Device device)
    {
        long id;
        NativeMethods.Check(NativeMethods.dt_current_stream(device.Packed, &id));
        return id;
    }

    /// <summary>The cudaStream_t behind a stream, for libraries beside libtorch; the default stream is 0.</summary>
    internal static nint NativeStream(torch.Device device, long stream)
    {
        nint native;
        NativeMethods.Check(NativeMethods.dt_native_stream(device.Packed, stream, &native));
        return native;
    }

    /// <summary>Makes the calling thread wait until a stream has done all that was asked of it.</summary>
    internal static void SynchronizeStream(torch.Device device, long stream) => NativeMethods.Check(NativeMethods.dt_synchronize_stream(device.Packed, stream));

    /// <summary>Keeps a tensor's memory from being handed out again before a stream is done with it.</summary>
    internal static void RecordStream(torch.Tensor tensor, long stream)
    {
        NativeMethods.Check(NativeMethods.dt_record_stream(tensor.Handle, stream));
        GC.KeepAlive(tensor);
    }

    /// <summary>A place in a stream that others can wait for.</summary>
    internal static nint NewEvent(torch.Device device) => NativeMethods.Check(NativeMethods.dt_event_new(device.Packed));

    /// <summary>Moves an event to what was asked of a stream up to now.</summary>
    internal static void Record(nint @event, torch.Device device, long stream) => NativeMethods.Check(NativeMethods.dt_event_record(@event, device.Packed, stream));

    /// <summary>A stream goes on only after the event; the calling thread does not wait.</summary>
    internal static void Block(nint @event, torch.Device device, long stream) => NativeMethods.Check(NativeMethods.dt_event_block(@event, device.Packed, stream));

    /// <summary>Whether the event has happened.</summary>
    internal static bool Query(nint @event)
    {
        int happened = NativeMethods.dt_event_query(@event);
        NativeMethods.Check(happened);
        return happened != 0;
    }

    internal static void Free(nint @event) => NativeMethods.dt_event_free(@event);
}
