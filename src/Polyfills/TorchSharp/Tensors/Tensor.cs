using System.Runtime.CompilerServices;

namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>
    /// A reference to a tensor of libtorch. Whoever creates one disposes it, or does so in a <see cref="DisposeScope"/>; the finalizer is only a safety net.
    /// </summary>
    /// <remarks>Operators and methods return new wrappers, in-place methods (<c>add_</c>) this one. Errors of libtorch are thrown as <see cref="System.Runtime.InteropServices.ExternalException"/>.</remarks>
    public partial class Tensor : IDisposable
    {
        private static long totalCount;
        private static long peakCount;
        private nint handle;

        internal Tensor(nint ownedHandle)
        {
            handle = ownedHandle;
            var count = Interlocked.Increment(ref totalCount);
            if (count > peakCount)
            {
                peakCount = count;
            }
            MemoryBudget.TensorCreated(count);
            DisposeScope.Current?.Add(this);
        }

        /// <summary>Releases the tensor of a wrapper that nobody disposed.</summary>
        ~Tensor() => Dispose(false);

        /// <summary>The wrappers alive in this process. Several may share one tensor, and memory.</summary>
        public static long TotalCount => Interlocked.Read(ref totalCount);

        /// <summary>The most wrappers that were alive at once.</summary>
        public static long PeakCount => peakCount;

        /// <summary>The native tensor, valid while this wrapper is alive and not disposed.</summary>
        /// <exception cref="InvalidOperationException">The wrapper was disposed.</exception>
        public IntPtr Handle
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get
            {
                if (handle == 0)
                {
                    ThrowDisposed();
                }
                return handle;
            }
        }

        /// <summary>True once disposed.</summary>
        public bool IsInvalid => handle == 0;

        internal DisposeScope? OwningScope { get; set; }

        /// <summary>Wraps a native tensor whose reference the caller gives away.</summary>
        /// <param name="handle">What <see cref="Handle"/> is of another wrapper, with one reference more.</param>
        public static Tensor UnsafeCreateTensor(IntPtr handle) => new(handle);

        /// <summary>Gives the native reference to the caller and leaves this wrapper disposed.</summary>
        public IntPtr DecoupleFromNativeHandle()
        {
            var decoupled = Handle;
            _ = StealHandleForGood();
            return decoupled;
        }

        /// <summary>Releases the tensor; memory is freed with its last reference. Disposing twice is harmless.</summary>
        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        /// <summary>Releases the tensor.</summary>
        /// <param name="disposing">False on the finalizer's thread.</param>
        protected virtual void Dispose(bool disposing)
        {
            var stolen = StealHandle();
            if (stolen != 0)
            {
                NativeMethods.dt_free(stolen);
            }
        }

        /// <summary>Takes this tensor out of its scope: it lives until it is disposed.</summary>
        public Tensor DetachFromDisposeScope()
        {
            OwningScope?.Release(this);
            return this;
        }

        /// <summary>Moves this tensor to the scope around its own, or out of all scopes.</summary>
        public Tensor MoveToOuterDisposeScope()
        {
            OwningScope?.MoveToOuter(this);
            return this;
        }

        /// <summary>Moves this tensor to the scope of another one.</summary>
        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.OwningScope);

        /// <summary>Moves this tensor to another scope; null takes it out of all scopes.</summary>
        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            if (other is null)
            {
                return DetachFromDisposeScope();
            }
            other.Attach(this);
            return this;
        }

        /// <summary>True when both tensors have the same shape and elements.</summary>
        public bool Equals(Tensor target) => target is not null && Aten.equal.CallValue(this, target).Bits != 0;

        /// <inheritdoc cref="Equals(Tensor)"/>
        public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

        /// <summary>The wrapper's identity, not a digest of the elements.</summary>
        public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

        /// <summary>Type, shape and device; of a single element its value, too.</summary>
        public override string ToString()
        {
            if (IsInvalid)
            {
                return "[disposed]";
            }
            var value = numel() == 1 && device_type == DeviceType.CPU ? $", value = {ToScalar().Text}" : "";
            return $"[{string.Join("x", shape)}], type = {dtype}, device = {device}{value}";
        }

        /// <summary>Empties the wrapper; the caller frees the handle.</summary>
        internal nint StealHandle()
        {
            var stolen = Interlocked.Exchange(ref handle, 0);
            if (stolen != 0)
            {
                OwningScope = null;
                _ = Interlocked.Decrement(ref totalCount);
            }
            return stolen;
        }

        /// <summary>Empties the wrapper, which needs its finalizer no longer; the caller frees the handle.</summary>
        internal nint StealHandleForGood()
        {
            var stolen = StealHandle();
            GC.SuppressFinalize(this);
            return stolen;
        }

        private static void ThrowDisposed() => throw new InvalidOperationException("The tensor was disposed. Move it out of its dispose scope, or clone it, if it is still needed.");
    }
}
