using System.Runtime.InteropServices;
using TorchSharp.Utils;

namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>How a quotient becomes an integer.</summary>
    public enum RoundingMode
    {
        /// <summary>It stays a real number.</summary>
        None = 0,

        /// <summary>Towards zero.</summary>
        trunc = 1,

        /// <summary>Downwards.</summary>
        floor = 2,
    }

    internal static string? Name(this RoundingMode mode) => mode switch
    {
        RoundingMode.trunc => "trunc",
        RoundingMode.floor => "floor",
        _ => null,
    };

    public partial class Tensor
    {
        /// <summary>The size of every dimension.</summary>
        public long[] shape
        {
            get
            {
                var sizes = new long[NativeMethods.dt_dim(Handle)];
                fixed (long* first = sizes)
                {
                    NativeMethods.dt_sizes(handle, first);
                }
                GC.KeepAlive(this);
                return sizes;
            }
        }

        /// <summary>How many dimensions there are.</summary>
        public long ndim => dim();

        /// <inheritdoc cref="ndim"/>
        public long Dimensions => dim();

        /// <summary>How many elements there are.</summary>
        public long NumberOfElements => numel();

        /// <summary>The bytes of one element.</summary>
        public long ElementSize => Alive(NativeMethods.dt_element_size(Handle));

        /// <summary>The type of the elements.</summary>
        public ScalarType dtype => (ScalarType)Alive(NativeMethods.dt_dtype(Handle));

        /// <summary>Where the elements are.</summary>
        public Device device => Device.FromPacked(Alive(NativeMethods.dt_device(Handle)));

        /// <summary>The type of the device that holds the elements.</summary>
        public DeviceType device_type => (DeviceType)(Alive(NativeMethods.dt_device(Handle)) >> 16);

        /// <summary>Which GPU holds the elements; -1 in main memory.</summary>
        public int device_index => device.index;

        /// <summary>True when a GPU holds the elements.</summary>
        public bool is_cuda => device_type == DeviceType.CUDA;

        /// <summary>A view with the dimensions in reverse order.</summary>
        public Tensor T => Aten.numpy_T.Call(this);

        /// <summary>A view with the last two dimensions exchanged.</summary>
        public Tensor mT => Aten.transpose_int.Call(this, -2L, -1L);

        /// <summary>The elements' memory, for reading and writing. Valid while the tensor lives.</summary>
        /// <exception cref="InvalidOperationException">The tensor is not contiguous or not in main memory.</exception>
        /// <exception cref="ArgumentException">There are more bytes than a span holds, or, setting, not as many as given.</exception>
        public Span<byte> bytes
        {
            get
            {
                var count = checked(numel() * ElementSize);
                if (!is_contiguous())
                {
                    throw new InvalidOperationException("bytes needs a contiguous tensor. Call contiguous() first.");
                }
                if (count > int.MaxValue)
                {
                    throw new ArgumentException($"The tensor has {count} bytes, a span holds {int.MaxValue}. Take parts with narrow().");
                }
                return new Span<byte>(MainMemory(), (int)count);
            }
            set
            {
                var target = bytes;
                if (value.Length != target.Length)
                {
                    throw new ArgumentException($"The tensor has {target.Length} bytes, given were {value.Length}.");
                }
                value.CopyTo(target);
            }
        }

        /// <summary>The size of every dimension.</summary>
        public long[] size() => shape;

        /// <summary>The size of one dimension; negative ones count from the end.</summary>
        public long size(int dim)
        {
            var sizes = shape;
            return sizes[dim < 0 ? dim + sizes.Length : dim];
        }

        /// <summary>How many dimensions there are.</summary>
        public long dim() => Alive(NativeMethods.dt_dim(Handle));

        /// <summary>How many elements there are.</summary>
        public long numel() => Alive(NativeMethods.dt_numel(Handle));

        /// <summary>The bytes of one element.</summary>
        public long element_size() => ElementSize;

        /// <summary>The elements between neighbours, for every dimension.</summary>
        public long[] stride()
        {
            var strides = new long[dim()];
            fixed (long* first = strides)
            {
                NativeMethods.Check(NativeMethods.dt_strides(Handle, first));
            }
            GC.KeepAlive(this);
            return strides;
        }

        /// <summary>The elements between neighbours of one dimension; negative ones count from the end.</summary>
        public long stride(int dim)
        {
            var strides = stride();
            return strides[dim < 0 ? dim + strides.Length : dim];
        }

        /// <summary>Where in its storage the tensor begins, in elements.</summary>
        public long storage_offset() => Alive(NativeMethods.dt_storage_offset(Handle));

        /// <summary>True when the elements lie in order without gaps.</summary>
        public bool is_contiguous() => Alive(NativeMethods.dt_is_contiguous(Handle)) != 0;

        /// <summary>True when main memory holds the elements.</summary>
        public bool is_cpu() => device_type == DeviceType.CPU;

        /// <summary>True for real floating-point elements.</summary>
        public bool is_floating_point() => torch.is_floating_point(dtype);

        /// <summary>True for integers and truth values.</summary>
        public bool is_integral() => torch.is_integral(dtype);

        /// <summary>True when the main memory is page-locked.</summary>
        public bool is_pinned() => Aten.is_pinned.CallValue(this).Bits != 0;

        /// <summary>True when the only element is not zero.</summary>
        public bool is_nonzero() => Aten.is_nonzero.CallValue(this).Bits != 0;

        /// <summary>Another wrapper of the same tensor, which lives until both are disposed.</summary>
        public Tensor alias()
        {
            var shared = new Tensor(NativeMethods.dt_alias(Handle));
            GC.KeepAlive(this);
            return shared;
        }

        /// <summary>Access to the elements in main memory, in order, whatever the strides.</summary>
        /// <exception cref="ArgumentException"><typeparamref name="T"/> is not the type of the elements.</exception>
        /// <exception cref="InvalidOperationException">The elements are not in main memory.</exception>
        public TensorAccessor<T> data<T>()
            where T : unmanaged
        {
            if (dtype == ScalarType.BFloat16 || torch.ScalarTypeOf(typeof(T)) != dtype)
            {
                throw new ArgumentException($"The elements are {dtype}, not {typeof(T).Name}. Convert with to_type() first.");
            }
            return new TensorAccessor<T>(this);
        }

        /// <summary>The only element.</summary>
        /// <exception cref="ArgumentException">There are several elements, or they are not of this type.</exception>
        /// <exception cref="InvalidOperationException">The element is not in main memory; <c>ToSingle()</c> and its like fetch it.</exception>
        public T item<T>()
            where T : unmanaged
        {
            if (numel() != 1)
            {
                throw new ArgumentException($"item() needs one element, the tensor has {numel()}.");
            }
            return data<T>()[0];
        }

        /// <summary>The only element, on whichever device.</summary>
        /// <exception cref="System.Runtime.InteropServices.ExternalException">There are several elements.</exception>
        public Scalar ToScalar() => TensorExtensionMethods.Item(this);

        /// <summary>This tensor on a GPU, the current one when none is given.</summary>
        /// <exception cref="ArgumentException">The device is no GPU.</exception>
        public Tensor cuda(Device? device = null, bool non_blocking = false)
        {
            if (device is not null && device.type != DeviceType.CUDA)
            {
                throw new ArgumentException($"{device} is no GPU.", nameof(device));
            }
            return to(device ?? CUDA, non_blocking: non_blocking);
        }

        /// <summary>The address of the first element, which must be in main memory.</summary>
        internal void* MainMemory()
        {
            if (device_type != DeviceType.CPU)
            {
                throw new InvalidOperationException($"The elements are on {device}. Call cpu() first.");
            }
            return DataPointer();
        }

        internal void* DataPointer()
        {
            void* pointer;
            NativeMethods.Check(NativeMethods.dt_data_pointer(Handle, &pointer));
            GC.KeepAlive(this);
            return pointer;
        }

        internal static Tensor WithGrad(Tensor tensor, bool requiresGrad) => requiresGrad ? tensor.requires_grad_() : tensor;

        private T Alive<T>(T result)
        {
            GC.KeepAlive(this);
            return result;
        }

        private Tensor DisposeAfter(bool dispose, Tensor result)
        {
            if (dispose)
            {
                Dispose();
            }
            return result;
        }

        private Tensor As(ScalarType? type)
        {
            if (type is not { } wanted || wanted == dtype)
            {
                return this;
            }
            using (this)
            {
                return to_type(wanted);
            }
        }

        // An out argument receives a copy.
        private Tensor Into(Tensor? target)
        {
            if (target is null)
            {
                return this;
            }
            using (this)
            {
                return Aten.set__source_Tensor.CallInPlace(target, target, this);
            }
        }

        private Tensor ViewUnflattened(long dim, long[] sizes)
        {
            var old = shape;
            var at = (int)(dim < 0 ? dim + old.Length : dim);
            return view([.. old[..at], .. sizes, .. old[(at + 1)..]]);
        }

        private (Tensor output, Tensor? inverse_indices, Tensor? counts) Unique(bool sorted, bool inverse, bool counts, int? dim)
        {
            var found = dim is { } one
                ? Aten.unique_dim.CallMany(this, (long)one, sorted, inverse, counts)
                : Aten._unique2.CallMany(this, sorted, inverse, counts);
            return (found[0], OrDisposed(found[1], inverse), OrDisposed(found[2], counts));
        }

        private static Tensor? OrDisposed(Tensor tensor, bool wanted)
        {
            if (!wanted)
            {
                tensor.Dispose();
            }
            return wanted ? tensor : null;
        }
    }
}
