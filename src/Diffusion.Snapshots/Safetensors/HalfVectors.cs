using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>
/// float16 from and to float32, sixteen values at a time. .NET has no access to the processors' own instruction for it, and the general
/// conversion of TensorPrimitives takes several times as long, which reconstruction would notice.
/// </summary>
internal static class HalfVectors
{
    private const int ExponentShift = 112 << 23;           // 127 − 15: the difference of the two biases.
    private const int SignAndMagnitude = unchecked((int)0x8FFF_E000);
    private const uint SmallestNormal = 113u << 23;        // 2⁻¹⁴, the smallest normal float16.
    private const uint Infinity = 0x7F80_0000;
    private const uint OneHalf = 126u << 23;                  // 0.5, whose last place, 2⁻²⁴, is the spacing of float16 subnormals.

    /// <summary>Exact for every number. A signalling NaN stays one, where <see cref="TensorPrimitives"/> may make it quiet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(ReadOnlySpan<Half> source, Span<float> destination)
    {
        int done = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref short from = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<Half, short>(source));
            ref float to = ref MemoryMarshal.GetReference(destination[..source.Length]);
            for (; done + Vector256<short>.Count <= source.Length; done += Vector256<short>.Count)
            {
                var halves = Vector256.LoadUnsafe(ref from, (nuint)done);
                var exponents = halves & Vector256.Create((short)0x7C00);
                bool ordinary = !Vector256.EqualsAny(exponents, Vector256<short>.Zero) && !Vector256.EqualsAny(exponents, Vector256.Create((short)0x7C00));
                if (ordinary && Avx512F.IsSupported)
                {
                    var wide = Avx512F.ConvertToVector512Int32(halves);
                    (((wide << 13) & Vector512.Create(SignAndMagnitude)) + Vector512.Create(ExponentShift)).AsSingle().StoreUnsafe(ref to, (nuint)done);
                    continue;
                }

                var (low, high) = Vector256.Widen(halves);
                (ordinary ? WidenOrdinary(low) : WidenAny(low)).StoreUnsafe(ref to, (nuint)done);
                (ordinary ? WidenOrdinary(high) : WidenAny(high)).StoreUnsafe(ref to, (nuint)(done + Vector256<float>.Count));
            }
        }

        TensorPrimitives.ConvertToSingle(source[done..], destination[done..]);
    }

    /// <summary>To nearest, ties to even; beyond the range to infinity; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(ReadOnlySpan<float> source, Span<Half> destination)
    {
        int done = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref uint from = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<float, uint>(source));
            ref ushort to = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<Half, ushort>(destination[..source.Length]));
            for (; done + Vector256<ushort>.Count <= source.Length; done += Vector256<ushort>.Count)
            {
                var low = Narrow(Vector256.LoadUnsafe(ref from, (nuint)done));
                var high = Narrow(Vector256.LoadUnsafe(ref from, (nuint)(done + Vector256<uint>.Count)));
                Vector256.Narrow(low, high).StoreUnsafe(ref to, (nuint)done);
            }
        }

        TensorPrimitives.ConvertToHalf(source[done..], destination[done..]);
    }

    /// <summary>No zero, subnormal, infinity or NaN among them, which holds for nearly all weights: the sign comes along, the exponent gets the other bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> WidenOrdinary(Vector256<int> x)
        => (((x << 13) & Vector256.Create(SignAndMagnitude)) + Vector256.Create((int)ExponentShift)).AsSingle();

    private static Vector256<float> WidenAny(Vector256<int> x)
    {
        var magnitude = ((x & Vector256.Create(0x7FFF)) << 13).AsUInt32();
        var exponent = magnitude & Vector256.Create(0x1Fu << 23);
        var normal = magnitude + Vector256.Create((uint)ExponentShift);
        normal += Vector256.Equals(exponent, Vector256.Create(0x1Fu << 23)) & Vector256.Create((uint)ExponentShift);    // Infinity, NaN.

        // Subnormals as the difference of two normal numbers: multiplying float32 subnormals would trap into microcode.
        var subnormal = ((magnitude + Vector256.Create(SmallestNormal)).AsSingle() - Vector256.Create(SmallestNormal).AsSingle()).AsUInt32();
        var value = Vector256.ConditionalSelect(Vector256.Equals(exponent, Vector256<uint>.Zero), subnormal, normal);
        return (value | (x.AsUInt32() & Vector256.Create(0x8000_0000u))).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Narrow(Vector256<uint> x)
    {
        var magnitude = x & Vector256.Create(0x7FFF_FFFFu);
        var odd = (magnitude >> 13) & Vector256<uint>.One;
        var normal = Vector256.Min((magnitude - Vector256.Create((uint)ExponentShift) + Vector256.Create(0xFFFu) + odd) >> 13, Vector256.Create(0x7C00u));
        var subnormal = (magnitude.AsSingle() + Vector256.Create(OneHalf).AsSingle()).AsUInt32() - Vector256.Create(OneHalf);
        var nan = ((magnitude >> 13) & Vector256.Create(0x3FFu)) | Vector256.Create(0x7E00u);
        var value = Vector256.ConditionalSelect(Vector256.LessThan(magnitude, Vector256.Create(SmallestNormal)), subnormal, normal);
        value = Vector256.ConditionalSelect(Vector256.GreaterThan(magnitude, Vector256.Create(Infinity)), nan, value);
        return value | ((x >> 16) & Vector256.Create(0x8000u));
    }
}
