using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>A copy of an array of any rank, in its shape.</summary>
    public static Tensor from_array(Array rawArray, Device? device = null) => from_array(rawArray, null, device);

    /// <summary>A copy of an array of any rank, in its shape; converted when <paramref name="dtype"/> is another type than its elements'.</summary>
    public static Tensor from_array(Array rawArray, ScalarType? dtype, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        var type = ScalarTypeOf(ElementTypeOf(rawArray));
        var size = Enumerable.Range(0, rawArray.Rank).Select(rawArray.GetLongLength).ToArray();
        var copy = Aten.empty_memory_format.Call(Unnamed(size, names), type);
        // Every array's data begins at one place, whatever its rank.
        var bytes = copy.numel() * copy.ElementSize;
        fixed (byte* source = &MemoryMarshal.GetArrayDataReference(rawArray))
        {
            Buffer.MemoryCopy(source, copy.MainMemory(), bytes, bytes);
        }
        return Tensor.WithGrad(Converted(copy, dtype, device), requires_grad);
    }

    /// <summary>A tensor of one dimension in the memory of an array, which stays pinned while the tensor's storage lives.</summary>
    /// <param name="rawArray">The memory.</param>
    /// <param name="dtype">The type of the tensor. When it is not that of the array's elements, the tensor is a converted copy.</param>
    /// <param name="count">How many elements of the array; all from the offset on when negative.</param>
    /// <param name="offset">Where in the array the tensor begins, in elements.</param>
    /// <param name="requires_grad">Record operations on the tensor.</param>
    public static Tensor frombuffer(Array rawArray, ScalarType dtype, long count = -1, long offset = 0, bool requires_grad = false)
    {
        var length = rawArray.LongLength;
        if (offset < 0 || offset >= length)
        {
            throw new ArgumentException($"offset {offset} is outside the array of {length} elements.", nameof(offset));
        }
        count = count < 0 ? length - offset : count;
        if (count > length - offset)
        {
            throw new IndexOutOfRangeException($"{count} elements from {offset} on were asked for, the array has {length}.");
        }
        var type = ScalarTypeOf(ElementTypeOf(rawArray));
        var pin = GCHandle.Alloc(rawArray, GCHandleType.Pinned);
        var start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(rawArray)) + (offset * type.ElementSize());
        var handle = NativeMethods.dt_from_memory(start, &count, 1, (int)type, &FreePin, GCHandle.ToIntPtr(pin));
        if (handle == 0)
        {
            pin.Free();
            NativeMethods.ThrowLastError();
        }
        return Tensor.WithGrad(Converted(new Tensor(handle), dtype, null), requires_grad);
    }

    internal static Tensor FromScalar(Scalar scalar, ScalarType? dtype = null, Device? device = null, bool requiresGrad = false) =>
        Tensor.WithGrad(Aten.full.Call(Array.Empty<long>(), scalar, dtype ?? scalar.Type, Argument.Absent, device), requiresGrad);

    internal static Tensor FromArray<T>(T[] values, long[] size, ScalarType? dtype, Device? device, bool requiresGrad)
        where T : unmanaged
    {
        var copy = Aten.empty_memory_format.Call(size, ScalarTypeOf(typeof(T)));
        if (copy.numel() != values.LongLength)
        {
            copy.Dispose();
            throw new ArgumentException($"{values.LongLength} values do not fill the shape [{string.Join(", ", size)}].", nameof(values));
        }
        values.AsSpan().CopyTo(new Span<T>(copy.MainMemory(), values.Length));
        return Tensor.WithGrad(Converted(copy, dtype, device), requiresGrad);
    }

    private static Type ElementTypeOf(Array array)
    {
        var type = array.GetType().GetElementType()!;
        return type.IsPrimitive || type == typeof(Half) ? type : throw new NotSupportedException($"An array of {type} has no tensor. Use numbers or truth values.");
    }

    // Takes the tensor over: it is returned, or disposed for its converted copy.
    private static Tensor Converted(Tensor tensor, ScalarType? dtype, Device? device)
    {
        var type = dtype ?? tensor.dtype;
        if (type == tensor.dtype && (device is null || device.type == DeviceType.CPU))
        {
            return tensor;
        }
        return tensor.to(type, device ?? CPU, disposeAfter: true);
    }

    [UnmanagedCallersOnly]
    private static void FreePin(nint pin) => GCHandle.FromIntPtr(pin).Free();
}
