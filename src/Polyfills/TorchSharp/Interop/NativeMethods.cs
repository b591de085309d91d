using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace TorchSharp;

/// <summary>The exports of native/bridge.h. Calls that only read a field skip the garbage collector's transition.</summary>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "diffusion_torch";

    static NativeMethods() => NativeLoader.Load();

    [LibraryImport(Library)] internal static partial void dt_start();
    [LibraryImport(Library)] internal static partial byte* dt_last_error();
    [LibraryImport(Library)] internal static partial int dt_version();
    [LibraryImport(Library)] internal static partial byte* dt_configuration();
    [LibraryImport(Library)] internal static partial byte* dt_libtorch_file();
    [LibraryImport(Library)] internal static partial byte* dt_blas_file();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint dt_find_operator(string name, string overload);
    [LibraryImport(Library)] internal static partial int dt_call(nint op, NativeValue* arguments, int count, NativeValue* results, int capacity);

    [LibraryImport(Library)] internal static partial void dt_free(nint tensor);
    [LibraryImport(Library)] internal static partial void dt_free_many(nint* tensors, int count);
    [LibraryImport(Library), SuppressGCTransition] internal static partial nint dt_alias(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int dt_dim(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long dt_numel(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int dt_dtype(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long dt_element_size(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long dt_storage_offset(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int dt_is_contiguous(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial void dt_sizes(nint tensor, long* sizes);
    [LibraryImport(Library)] internal static partial int dt_strides(nint tensor, long* strides);
    [LibraryImport(Library), SuppressGCTransition] internal static partial long dt_device(nint tensor);
    [LibraryImport(Library)] internal static partial int dt_data_pointer(nint tensor, void** pointer);
    [LibraryImport(Library)] internal static partial nint dt_from_memory(void* memory, long* sizes, int count, int dtype, delegate* unmanaged<nint, void> free, nint state);

    [LibraryImport(Library)] internal static partial int dt_requires_grad(nint tensor);
    [LibraryImport(Library)] internal static partial int dt_is_leaf(nint tensor);
    [LibraryImport(Library)] internal static partial int dt_set_requires_grad(nint tensor, int value);
    [LibraryImport(Library)] internal static partial int dt_retain_grad(nint tensor);
    [LibraryImport(Library)] internal static partial nint dt_variable_data(nint tensor);
    [LibraryImport(Library)] internal static partial int dt_grad(nint tensor, nint* gradient);
    [LibraryImport(Library)] internal static partial int dt_set_grad(nint tensor, nint gradient);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int dt_grad_mode();
    [LibraryImport(Library), SuppressGCTransition] internal static partial void dt_set_grad_mode(int on);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int dt_inference_mode();
    [LibraryImport(Library)] internal static partial nint dt_inference_guard_new(int on);
    [LibraryImport(Library)] internal static partial void dt_inference_guard_free(nint guard);
    [LibraryImport(Library)] internal static partial int dt_backward(nint* roots, nint* gradients, int count, int retainGraph, int createGraph, nint* inputs, int inputCount);
    [LibraryImport(Library)] internal static partial int dt_gradients(nint* outputs, nint* gradients, int count, nint* inputs, int inputCount, int retainGraph, int createGraph, int allowUnused, nint* results);
    [LibraryImport(Library)] internal static partial nint dt_hook_new(nint leaf, delegate* unmanaged<nint, long> callback, nint state);
    [LibraryImport(Library)] internal static partial void dt_hook_free(nint hook);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint dt_jit_load(string path, long device);
    [LibraryImport(Library)] internal static partial nint dt_jit_load_memory(void* bytes, long count, long device);
    [LibraryImport(Library)] internal static partial void dt_jit_free(nint module);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial int dt_jit_call(nint module, string method, NativeValue* arguments, int count, NativeValue* result);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial int dt_jit_argument_count(nint module, string method);
    [LibraryImport(Library)] internal static partial int dt_jit_to(nint module, long device, int dtype, int nonBlocking);
    [LibraryImport(Library)] internal static partial int dt_jit_train(nint module, int on);
    [LibraryImport(Library)] internal static partial int dt_jit_training(nint module);

    [LibraryImport(Library)] internal static partial int dt_set_threads(int count);
    [LibraryImport(Library)] internal static partial int dt_threads();
    [LibraryImport(Library)] internal static partial int dt_set_interop_threads(int count);
    [LibraryImport(Library)] internal static partial int dt_interop_threads();

    [LibraryImport(Library)] internal static partial nint dt_generator_new(ulong seed, long device);
    [LibraryImport(Library)] internal static partial nint dt_generator_default();
    [LibraryImport(Library)] internal static partial void dt_generator_free(nint generator);
    [LibraryImport(Library)] internal static partial int dt_generator_seed(nint generator, ulong seed);
    [LibraryImport(Library)] internal static partial ulong dt_generator_initial_seed(nint generator);
    [LibraryImport(Library)] internal static partial nint dt_generator_state(nint generator);
    [LibraryImport(Library)] internal static partial int dt_generator_set_state(nint generator, nint state);
    [LibraryImport(Library)] internal static partial int dt_manual_seed(ulong seed);

    [LibraryImport(Library)] internal static partial int dt_cuda_available();
    [LibraryImport(Library)] internal static partial int dt_cudnn_available();
    [LibraryImport(Library)] internal static partial int dt_cuda_count();
    [LibraryImport(Library)] internal static partial int dt_cuda_seed(ulong seed, int all);
    [LibraryImport(Library)] internal static partial int dt_cuda_synchronize(int index);
    [LibraryImport(Library)] internal static partial int dt_matmul_tf32();
    [LibraryImport(Library)] internal static partial void dt_set_matmul_tf32(int on);
    [LibraryImport(Library)] internal static partial int dt_cudnn_tf32();
    [LibraryImport(Library)] internal static partial void dt_set_cudnn_tf32(int on);
    [LibraryImport(Library)] internal static partial int dt_deterministic();
    [LibraryImport(Library)] internal static partial int dt_deterministic_warns();
    [LibraryImport(Library)] internal static partial void dt_set_deterministic(int on, int warnOnly);

    [LibraryImport(Library)] internal static partial int dt_cuda_compiled();
    [LibraryImport(Library)] internal static partial long dt_cuda_runtime_version();
    [LibraryImport(Library)] internal static partial long dt_cudnn_version();
    [LibraryImport(Library)] internal static partial int dt_fp16_reduction();
    [LibraryImport(Library)] internal static partial int dt_set_fp16_reduction(int on);
    [LibraryImport(Library)] internal static partial int dt_set_bf16_reduction(int on);
    [LibraryImport(Library)] internal static partial int dt_set_cudnn(int deterministic, int benchmark);
    [LibraryImport(Library)] internal static partial int dt_exchange_device(int index);
    [LibraryImport(Library)] internal static partial int dt_current_stream(long device, long* id);
    [LibraryImport(Library)] internal static partial int dt_stream_from_pool(long device, int highPriority, long* id);
    [LibraryImport(Library)] internal static partial int dt_exchange_stream(long device, long id, long* before);
    [LibraryImport(Library)] internal static partial int dt_synchronize_stream(long device, long id);
    [LibraryImport(Library)] internal static partial int dt_native_stream(long device, long id, nint* native);
    [LibraryImport(Library)] internal static partial int dt_record_stream(nint tensor, long id);
    [LibraryImport(Library)] internal static partial nint dt_event_new(long device);
    [LibraryImport(Library)] internal static partial void dt_event_free(nint handle);
    [LibraryImport(Library)] internal static partial int dt_event_record(nint handle, long device, long id);
    [LibraryImport(Library)] internal static partial int dt_event_block(nint handle, long device, long id);
    [LibraryImport(Library)] internal static partial int dt_event_query(nint handle);

    [LibraryImport(Library)] internal static partial int dt_use_caching_allocator();
    [LibraryImport(Library), SuppressGCTransition] internal static partial long dt_live_bytes();
    [LibraryImport(Library)] internal static partial void dt_memory(long* live, long* peak, long* reserved);
    [LibraryImport(Library)] internal static partial void dt_reset_peak();

    /// <summary>Throws what the last native call on this thread reported.</summary>
    internal static void Check(int result)
    {
        if (result < 0)
        {
            ThrowLastError();
        }
    }

    internal static nint Check(nint handle)
    {
        if (handle == 0)
        {
            ThrowLastError();
        }
        return handle;
    }

    internal static void ThrowLastError()
    {
        var message = Marshal.PtrToStringUTF8((nint)dt_last_error()) ?? "";
        ManagedCallback.RethrowIfNamedIn(message);
        throw new ExternalException(message);
    }
}
