namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>Records nothing on this thread until the result is disposed.</summary>
    public static IDisposable no_grad() => new GradMode(false);

    /// <summary>Records, or does not, on this thread until the result is disposed.</summary>
    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    /// <summary>Sets whether this thread records, until the result is disposed.</summary>
    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    /// <summary>Whether this thread records.</summary>
    public static bool is_grad_enabled() => NativeMethods.dt_grad_mode() != 0;

    /// <summary>Records nothing and keeps no versions on this thread until the result is disposed: what is made meanwhile can never take part in a backward pass.</summary>
    public static IDisposable inference_mode(bool mode = true) => new InferenceMode(mode);

    /// <summary>Whether this thread is in inference mode.</summary>
    public static bool is_inference_mode_enabled() => NativeMethods.dt_inference_mode() != 0;

    /// <summary>Opens a scope that disposes the tensors made in it on this thread.</summary>
    public static DisposeScope NewDisposeScope() => new();

    /// <summary>The innermost scope of this thread, or null.</summary>
    public static DisposeScope? CurrentDisposeScope => DisposeScope.Current;

    private sealed class GradMode : IDisposable
    {
        private readonly int before = NativeMethods.dt_grad_mode();
        private bool disposed;

        internal GradMode(bool on) => NativeMethods.dt_set_grad_mode(on ? 1 : 0);

        public void Dispose()
        {
            if (!disposed)
            {
                disposed = true;
                NativeMethods.dt_set_grad_mode(before);
            }
        }
    }

    private sealed class InferenceMode(bool on) : IDisposable
    {
        private nint guard = NativeMethods.dt_inference_guard_new(on ? 1 : 0);

        public void Dispose()
        {
            var held = Interlocked.Exchange(ref guard, 0);
            if (held != 0)
            {
                NativeMethods.dt_inference_guard_free(held);
            }
        }
    }
}
