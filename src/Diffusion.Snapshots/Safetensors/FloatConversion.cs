using System.Buffers.Binary;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>Stored little-endian elements from and to float32. Narrowing rounds to nearest even, as every framework does.</summary>
public static class FloatConversion
{
    // The largest float32 that still rounds to a finite float16, 65504.
    private static readonly float LargestHalf = MathF.BitDecrement(65520f);

    /// <summary>Widens or narrows stored elements to float32.</summary>
    /// <param name="type">F16, BF16, F32 or F64.</param>
    /// <param name="source">Stored bytes.</param>
    /// <param name="destination">As many values as <paramref name="source"/> holds.</param>
    /// <exception cref="ArgumentException">The type is no float, or the lengths do not match.</exception>
    public static void ToFloat32(ElementType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        CheckLengths(type, source.Length, destination.Length);
        switch (type)
        {
            case ElementType.Float16:
                HalfVectors.Widen(MemoryMarshal.Cast<byte, Half>(source), destination);
                break;
            case ElementType.BFloat16:
                var upper = MemoryMarshal.Cast<byte, ushort>(source);
                for (int i = 0; i < upper.Length; i++)
                {
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
                }

                break;
            case ElementType.Float32:
                MemoryMarshal.Cast<byte, float>(source).CopyTo(destination);
                break;
            default:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, double>(source), destination);
                break;
        }
    }

    /// <summary>Narrows float32 to a stored type.</summary>
    /// <param name="type">F16, BF16, F32 or F64.</param>
    /// <param name="source">The values.</param>
    /// <param name="destination">Room for as many elements.</param>
    /// <exception cref="ArgumentException">The type is no float, or the lengths do not match.</exception>
    public static void FromFloat32(ElementType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        CheckLengths(type, destination.Length, source.Length);
        switch (type)
        {
            case ElementType.Float16:
                HalfVectors.Narrow(source, MemoryMarshal.Cast<byte, Half>(destination));
                break;
            case ElementType.BFloat16:
                for (int i = 0; i < source.Length; i++)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(destination[(2 * i)..], ToBFloat16(source[i]));
                }

                break;
            case ElementType.Float32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            default:
                TensorPrimitives.ConvertTruncating(source, MemoryMarshal.Cast<byte, double>(destination));
                break;
        }
    }

    /// <summary>Refuses values that would be stored as an infinity or are none to begin with.</summary>
    /// <param name="type">F16 or F32.</param>
    /// <param name="values">The values.</param>
    /// <param name="tensor">Name for the message.</param>
    /// <exception cref="ArgumentException">There is such a value.</exception>
    internal static void RequireFinite(ElementType type, ReadOnlySpan<float> values, string tensor)
    {
        float limit = type == ElementType.Float16 ? LargestHalf : float.MaxValue;
        if (LargestMagnitude(values) > BitConverter.SingleToUInt32Bits(limit))
        {
            float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(values));
            throw new ArgumentException(
                $"Tensor '{tensor}' holds {largest}, which {type.HeaderName()} cannot store. Store snapshots as F32, or resume from a checkpoint before the weights diverged.", nameof(values));
        }
    }

    /// <summary>As bits: without the sign they are ordered like the numbers, infinity and then NaN above all.</summary>
    private static uint LargestMagnitude(ReadOnlySpan<float> values)
    {
        const uint Magnitude = 0x7FFF_FFFF;
        var vectors = MemoryMarshal.Cast<float, Vector<uint>>(values);
        var largest = Vector<uint>.Zero;
        foreach (var vector in vectors)
        {
            largest = Vector.Max(largest, vector & new Vector<uint>(Magnitude));
        }

        uint result = 0;
        for (int i = 0; i < Vector<uint>.Count; i++)
        {
            result = Math.Max(result, largest[i]);
        }

        foreach (float value in values[(vectors.Length * Vector<uint>.Count)..])
        {
            result = Math.Max(result, BitConverter.SingleToUInt32Bits(value) & Magnitude);
        }

        return result;
    }

    private static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value)
            ? (ushort)((bits >> 16) | 0x40)                            // Rounding up could turn a NaN into an infinity.
            : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private static void CheckLengths(ElementType type, int bytes, int count)
    {
        if (!type.IsFloat())
        {
            throw new ArgumentException($"{type.HeaderName()} does not convert to or from float32; read its bytes instead.", nameof(type));
        }

        if (bytes != (long)count * type.ByteSize())
        {
            throw new ArgumentException($"{bytes} bytes of {type.HeaderName()} do not match {count} values.");
        }
    }
}
