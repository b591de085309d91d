namespace TorchSharp;

/// <summary>Tensors and what is done with them, under the names of PyTorch.</summary>
public static unsafe partial class torch
{
    /// <summary>The version of libtorch, "1.13.1" or "2.7.1".</summary>
    public static string __version__ => Diagnostics.LibtorchVersion;

    /// <summary>Sets how many threads an operation started by this thread may use. Every thread has a number, and threads, of its own.</summary>
    public static void set_num_threads(int num) => NativeMethods.Check(NativeMethods.dt_set_threads(num));

    /// <summary>How many threads an operation started by this thread may use.</summary>
    public static int get_num_threads() => NativeMethods.dt_threads();

    /// <summary>Sets how many threads run independent operations. Once only, before the first such operation.</summary>
    public static void set_num_interop_threads(int num) => NativeMethods.Check(NativeMethods.dt_set_interop_threads(num));

    /// <summary>How many threads run independent operations.</summary>
    public static int get_num_interop_threads() => NativeMethods.dt_interop_threads();

    /// <summary>Whether a GPU can be used.</summary>
    public static bool cuda_is_available() => cuda.is_available();

    /// <summary>Lets operations fail, or warn, that have no reproducible implementation, until the result is disposed.</summary>
    public static IDisposable use_deterministic_algorithms(bool mode = true, bool warn_only = false) => new DeterministicMode(mode, warn_only);

    /// <summary>Whether operations without a reproducible implementation fail or warn.</summary>
    public static bool are_deterministic_algorithms_enabled() => NativeMethods.dt_deterministic() != 0;

    /// <summary>Whether operations without a reproducible implementation only warn.</summary>
    public static bool is_deterministic_algorithms_warn_only_enabled() => NativeMethods.dt_deterministic_warns() != 0;

    /// <summary>GPUs.</summary>
    public static class cuda
    {
        /// <summary>Whether a GPU can be used.</summary>
        public static bool is_available() => NativeMethods.dt_cuda_available() != 0;

        /// <summary>Whether cuDNN can be used.</summary>
        public static bool is_cudnn_available() => NativeMethods.dt_cudnn_available() != 0;

        /// <summary>How many GPUs there are.</summary>
        public static int device_count() => NativeMethods.dt_cuda_count();

        /// <summary>Seeds the default generator of the current GPU.</summary>
        public static void manual_seed(long seed) => NativeMethods.Check(NativeMethods.dt_cuda_seed((ulong)seed, 0));

        /// <summary>Seeds the default generators of all GPUs.</summary>
        public static void manual_seed_all(long seed) => NativeMethods.Check(NativeMethods.dt_cuda_seed((ulong)seed, 1));

        /// <summary>Waits until a GPU, by default the current one, has done all that was asked of it.</summary>
        public static void synchronize(Device? device = null) => NativeMethods.Check(NativeMethods.dt_cuda_synchronize(device?.index ?? -1));
    }

    /// <summary>Switches of the libraries under libtorch.</summary>
    public static class backends
    {
        /// <summary>cuBLAS.</summary>
        public static class cuda
        {
            /// <summary>Matrix products.</summary>
            public static class matmul
            {
                /// <summary>Single precision may be computed with ten bits of mantissa, faster.</summary>
                public static bool allow_tf32
                {
                    get => NativeMethods.dt_matmul_tf32() != 0;
                    set => NativeMethods.dt_set_matmul_tf32(value ? 1 : 0);
                }

                /// <summary>Products of half precision may be added up in half precision, faster.</summary>
                public static bool allow_fp16_reduced_precision_reduction
                {
                    get => NativeMethods.dt_fp16_reduction() != 0;
                    set => NativeMethods.Check(NativeMethods.dt_set_fp16_reduction(value ? 1 : 0));
                }
            }
        }

        /// <summary>cuDNN.</summary>
        public static class cudnn
        {
            /// <summary>Single precision may be computed with ten bits of mantissa, faster.</summary>
            public static bool allow_tf32
            {
                get => NativeMethods.dt_cudnn_tf32() != 0;
                set => NativeMethods.dt_set_cudnn_tf32(value ? 1 : 0);
            }
        }
    }

    private sealed class DeterministicMode : IDisposable
    {
        private readonly int before = NativeMethods.dt_deterministic();
        private readonly int warnedBefore = NativeMethods.dt_deterministic_warns();

        internal DeterministicMode(bool on, bool warnOnly) => NativeMethods.dt_set_deterministic(on ? 1 : 0, warnOnly ? 1 : 0);

        public void Dispose() => NativeMethods.dt_set_deterministic(before, warnedBefore);
    }
}
