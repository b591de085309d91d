namespace TorchSharp;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        /// <summary>A copy, through which gradients flow.</summary>
        public Tensor clone() => Aten.clone.Call(this);

        /// <summary>The same memory without history.</summary>
        public Tensor detach() => Aten.detach.Call(this);

        /// <summary>Drops the history.</summary>
        public Tensor detach_() => Aten.detach_.CallInPlace(this, this);

        /// <summary>This tensor when its elements lie in order without gaps, else such a copy.</summary>
        public Tensor contiguous() => Aten.contiguous.Call(this);

        /// <summary>Overwrites the elements by those of another tensor, with broadcasting, conversion and transfer between devices.</summary>
        public Tensor copy_(Tensor source, bool nonBlocking = false) => Aten.copy_.CallInPlace(this, this, source, nonBlocking);

        /// <summary>Sets every element to zero.</summary>
        public Tensor zero_() => Aten.zero_.CallInPlace(this, this);

        /// <summary>Sets every element to a value.</summary>
        public Tensor fill_(Scalar value) => Aten.fill__Scalar.CallInPlace(this, this, value);

        /// <summary>Makes this tensor share the storage, size and strides of another.</summary>
        public Tensor set_(Tensor source) => Aten.set__source_Tensor.CallInPlace(this, this, source);

        /// <summary>This tensor in main memory; the same one when it is there already.</summary>
        public Tensor cpu()
        {
            NativeHooks.CountHostRead();
            return to(DeviceType.CPU);
        }

        /// <summary>A copy in page-locked main memory, which transfers to a GPU without waiting.</summary>
        public Tensor pin_memory() => Aten.pin_memory.Call(this);

        /// <summary>This tensor as <see cref="ScalarType.Float16"/>; the same memory when it is that already.</summary>
        public Tensor half() => to_type(ScalarType.Float16);

        /// <summary>This tensor as <see cref="ScalarType.BFloat16"/>; the same memory when it is that already.</summary>
        public Tensor bfloat16() => to_type(ScalarType.BFloat16);

        /// <summary>This tensor as <see cref="ScalarType.Float32"/>; the same memory when it is that already.</summary>
        public Tensor @float() => to_type(ScalarType.Float32);

        /// <summary>This tensor as <see cref="ScalarType.Float64"/>; the same memory when it is that already.</summary>
        public Tensor @double() => to_type(ScalarType.Float64);

        /// <summary>This tensor as <see cref="ScalarType.Int32"/>; the same memory when it is that already.</summary>
        public Tensor @int() => to_type(ScalarType.Int32);

        /// <summary>This tensor as <see cref="ScalarType.Int64"/>; the same memory when it is that already.</summary>
        public Tensor @long() => to_type(ScalarType.Int64);

        /// <summary>This tensor as <see cref="ScalarType.Bool"/>; the same memory when it is that already.</summary>
        public Tensor @bool() => to_type(ScalarType.Bool);

        /// <summary>This tensor as <see cref="ScalarType.Byte"/>; the same memory when it is that already.</summary>
        public Tensor @byte() => to_type(ScalarType.Byte);

        /// <summary>This tensor in the type of another.</summary>
        public Tensor type_as(Tensor tensor) => to_type(tensor.dtype);

        /// <summary>This tensor in another type; the same memory when it is that already, unless a copy is asked for.</summary>
        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => DisposeAfter(disposeAfter, Aten.to_dtype.Call(this, type, non_blocking, copy));

        /// <summary>This tensor in another type; the same memory when it is that already, unless a copy is asked for.</summary>
        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to_type(type, copy, disposeAfter, non_blocking);

        /// <summary>This tensor on another device; the same memory when it is there already, unless a copy is asked for.</summary>
        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => DisposeAfter(disposeAfter, Aten.to_device.Call(this, device, dtype, non_blocking, copy));

        /// <summary>This tensor on another device; the same memory when it is there already, unless a copy is asked for.</summary>
        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);

        /// <summary>This tensor on another device; the same memory when it is there already, unless a copy is asked for.</summary>
        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(new Device(device), copy, disposeAfter, non_blocking);

        /// <summary>This tensor in another type on another device; the same memory when nothing changes, unless a copy is asked for.</summary>
        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => DisposeAfter(disposeAfter, Aten.to_device.Call(this, device, type, non_blocking, copy));

        /// <summary>This tensor in the type and on the device of another.</summary>
        public Tensor to(Tensor other, bool non_blocking = false) => to(other.dtype, other.device, non_blocking: non_blocking);

        /// <summary>Draws every element from a normal distribution.</summary>
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) => Aten.normal_.CallInPlace(this, this, mean, std, generator);

        /// <summary>Draws every element from from…to.</summary>
        public Tensor uniform_(double from, double to, Generator? generator = null) => Aten.uniform_.CallInPlace(this, this, from, to, generator);

        /// <summary>Draws every element as 1 with probability p, else 0.</summary>
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => Aten.bernoulli__float.CallInPlace(this, this, p, generator);

        /// <summary>Draws every element as 1 with its own probability, else 0.</summary>
        public Tensor bernoulli_(Tensor p, Generator? generator = null) => Aten.bernoulli__Tensor.CallInPlace(this, this, p, generator);

        /// <summary>Draws 1 with the probability that each element is, else 0.</summary>
        public Tensor bernoulli(Generator? generator = null) => Aten.bernoulli.Call(this, generator);

        /// <summary>Draws every element from an exponential distribution with the given rate.</summary>
        public Tensor exponential_(double lambda = 1, Generator? generator = null) => Aten.exponential_.CallInPlace(this, this, lambda, generator);

        /// <summary>Draws every element from the integers from…to − 1.</summary>
        public Tensor random_(double from, double to, Generator? generator = null) => Aten.random__from.CallInPlace(this, this, (long)from, (long)to, generator);

        /// <summary>Draws indices with the probabilities that the elements of the last dimension are in proportion to.</summary>
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) => Aten.multinomial.Call(this, num_samples, replacement, generator);

        /// <summary>A tensor of this shape with uninitialised elements, by default of this type on this device.</summary>
        public Tensor empty_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => WithGrad(Aten.empty_like.Call(this, dtype, Argument.Absent, device), requires_grad);

        /// <summary>A tensor of this shape with zeros, by default of this type on this device.</summary>
        public Tensor zeros_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => WithGrad(Aten.zeros_like.Call(this, dtype, Argument.Absent, device), requires_grad);

        /// <summary>A tensor of this shape with ones, by default of this type on this device.</summary>
        public Tensor ones_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => WithGrad(Aten.ones_like.Call(this, dtype, Argument.Absent, device), requires_grad);

        /// <summary>A tensor of this shape with elements from 0…1, by default of this type on this device.</summary>
        public Tensor rand_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => WithGrad(Aten.rand_like.Call(this, dtype, Argument.Absent, device), requires_grad);

        /// <summary>A tensor of this shape with normal elements, by default of this type on this device.</summary>
        public Tensor randn_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => WithGrad(Aten.randn_like.Call(this, dtype, Argument.Absent, device), requires_grad);

        /// <summary>A tensor of this shape with one value everywhere, by default of this type on this device.</summary>
        public Tensor full_like(Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => WithGrad(Aten.full_like.Call(this, value, dtype, Argument.Absent, device), requires_grad);

        /// <summary>A tensor of zeros, by default of this type on this device.</summary>
        public Tensor new_zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => torch.zeros(size, dtype ?? this.dtype, device ?? this.device, requires_grad);

        /// <summary>A tensor with uninitialised elements, by default of this type on this device.</summary>
        public Tensor new_empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => torch.empty(size, dtype ?? this.dtype, device ?? this.device, requires_grad);

        /// <summary>A tensor with one value everywhere, by default of this type on this device.</summary>
        public Tensor new_full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => torch.full(size, value, dtype ?? this.dtype, device ?? this.device, requires_grad);
    }
}
