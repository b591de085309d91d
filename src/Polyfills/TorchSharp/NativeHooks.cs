using System.Runtime.InteropServices;

namespace TorchSharp;

/// <summary>
/// What Diffusion.Native needs of libtorch and the published package does not offer. Everything here has a fallback there that uses only the public surface.
/// </summary>
internal static unsafe class NativeHooks
{
    /// <summary>Loads libtorch now, with everything that must happen before. Call it before loading a library that links to libtorch.</summary>
    internal static void EnsureLoaded() => NativeLoader.Load();

    [ThreadStatic]
    private static long hostReads;

    /// <summary>How often the calling thread has taken values from a device to main memory, waiting for everything that was asked of the device. Counted on the processor, too, where nothing is waited for.</summary>
    internal static long HostReads => hostReads;

    /// <summary>Counts a reading.</summary>
    internal static void CountHostRead() => hostReads++;

    /// <summary>The address of the first element, on whichever device.</summary>
    internal static nint DataPointer(torch.Tensor tensor) => (nint)tensor.DataPointer();

    /// <summary>
    /// The same memory without history, and with a version counter of its own: unlike with <c>detach()</c>, changing one such view of an arena in place
    /// does not make the backward pass of another fail. The check that it would have been wrong is lost, too.
    /// </summary>
    internal static torch.Tensor VariableData(torch.Tensor tensor)
    {
        var data = new torch.Tensor(NativeMethods.Check(NativeMethods.dt_variable_data(tensor.Handle)));
        GC.KeepAlive(tensor);
        return data;
    }

    /// <summary>
    /// Runs an action in every backward pass after the gradient of a leaf was accumulated, until the result is disposed. What the action throws comes out of <c>backward()</c>.
    /// </summary>
    internal static IDisposable OnGradientAccumulated(torch.Tensor leaf, Action action) => new AccumulationHook(leaf, action);

    private sealed class AccumulationHook : IDisposable
    {
        private readonly Action action;
        private GCHandle self;
        private nint hook;

        internal AccumulationHook(torch.Tensor leaf, Action action)
        {
            this.action = action;
            self = GCHandle.Alloc(this);
            hook = NativeMethods.dt_hook_new(leaf.Handle, &Run, GCHandle.ToIntPtr(self));
            GC.KeepAlive(leaf);
            if (hook == 0)
            {
                self.Free();
                NativeMethods.ThrowLastError();
            }
        }

        public void Dispose()
        {
            var held = Interlocked.Exchange(ref hook, 0);
            if (held != 0)
            {
                NativeMethods.dt_hook_free(held);
                self.Free();
            }
        }

        [UnmanagedCallersOnly]
        private static long Run(nint state)
        {
            try
            {
                ((AccumulationHook)GCHandle.FromIntPtr(state).Target!).action();
                return 0;
            }
            catch (Exception exception)
            {
                return ManagedCallback.Keep(exception);
            }
        }
    }
}
