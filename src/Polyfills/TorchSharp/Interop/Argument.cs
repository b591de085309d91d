using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp;

internal enum ArgumentTag
{
    None,
    Tensor,
    Int,
    Double,
    Bool,
    Ints,
    Doubles,
    Tensors,
    String,
    Device,
    Generator,
    Default,
    Tuple,
}

/// <summary>The twin of dt_value.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeValue
{
    internal int Tag;
    internal int Count;
    internal long Bits;
}

/// <summary>
/// One argument of an operator. Holds the managed object it came from, so that nothing it points to is collected during the call.
/// Null converts to an absent argument; trailing arguments may be left out.
/// </summary>
internal readonly struct Argument
{
    internal readonly object? Source;
    internal readonly ArgumentTag Tag;
    internal readonly long Bits;

    private Argument(ArgumentTag tag, long bits, object? source = null)
    {
        Tag = tag;
        Bits = bits;
        Source = source;
    }

    /// <summary>The default of the operator's schema, for an argument in the middle.</summary>
    internal static Argument Default => new(ArgumentTag.Default, 0);

    internal static Argument Absent => default;

    public static implicit operator Argument(torch.Tensor? tensor) => tensor is null ? default : new(ArgumentTag.Tensor, 0, tensor);

    public static implicit operator Argument(long value) => new(ArgumentTag.Int, value);

    public static implicit operator Argument(long? value) => value is { } known ? known : default(Argument);

    public static implicit operator Argument(double value) => new(ArgumentTag.Double, BitConverter.DoubleToInt64Bits(value));

    public static implicit operator Argument(double? value) => value is { } known ? known : default(Argument);

    public static implicit operator Argument(bool value) => new(ArgumentTag.Bool, value ? 1 : 0);

    public static implicit operator Argument(bool? value) => value is { } known ? known : default(Argument);

    public static implicit operator Argument(torch.ScalarType type) => new(ArgumentTag.Int, (long)type);

    public static implicit operator Argument(torch.ScalarType? type) => type is { } known ? known : default(Argument);

    public static implicit operator Argument(torch.Device? device) => device is null ? default : new(ArgumentTag.Device, device.Packed);

    public static implicit operator Argument(torch.Generator? generator) => generator is null ? default : new(ArgumentTag.Generator, 0, generator);

    public static implicit operator Argument(Scalar? scalar) => scalar is null ? default : scalar.AsArgument();

    public static implicit operator Argument(long[]? values) => values is null ? default : new(ArgumentTag.Ints, 0, values);

    public static implicit operator Argument(double[]? values) => values is null ? default : new(ArgumentTag.Doubles, 0, values);

    /// <summary>Null elements are absent optional tensors.</summary>
    public static implicit operator Argument(torch.Tensor?[] tensors) => new(ArgumentTag.Tensors, 0, tensors);

    public static implicit operator Argument(string? text) => text is null ? default : new(ArgumentTag.String, 0, System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>Eight-byte words needed beside the value itself.</summary>
    internal int Words => Tag switch
    {
        ArgumentTag.Ints => Unsafe.As<long[]>(Source!).Length,
        ArgumentTag.Doubles => Unsafe.As<double[]>(Source!).Length,
        ArgumentTag.Tensors => Unsafe.As<torch.Tensor?[]>(Source!).Length,
        ArgumentTag.String => (Unsafe.As<byte[]>(Source!).Length + 7) / 8,
        _ => 0,
    };

    /// <summary>Writes the native form; <paramref name="words"/> has room for <see cref="Words"/>.</summary>
    internal unsafe void WriteTo(NativeValue* value, long* words)
    {
        value->Tag = (int)Tag;
        value->Count = 0;
        switch (Tag)
        {
            case ArgumentTag.Tensor:
                value->Bits = Unsafe.As<torch.Tensor>(Source!).Handle;
                break;
            case ArgumentTag.Generator:
                value->Bits = Unsafe.As<torch.Generator>(Source!).Handle;
                break;
            case ArgumentTag.Ints:
                Point(value, words, MemoryMarshal.AsBytes<long>(Unsafe.As<long[]>(Source!)), Words);
                break;
            case ArgumentTag.Doubles:
                Point(value, words, MemoryMarshal.AsBytes<double>(Unsafe.As<double[]>(Source!)), Words);
                break;
            case ArgumentTag.String:
                Point(value, words, Unsafe.As<byte[]>(Source!), Unsafe.As<byte[]>(Source!).Length);
                break;
            case ArgumentTag.Tensors:
                var tensors = Unsafe.As<torch.Tensor?[]>(Source!);
                for (var i = 0; i < tensors.Length; i++)
                {
                    words[i] = tensors[i]?.Handle ?? 0;
                }
                value->Count = tensors.Length;
                value->Bits = (long)words;
                break;
            default:
                value->Bits = Bits;
                break;
        }
    }

    private static unsafe void Point(NativeValue* value, long* words, ReadOnlySpan<byte> bytes, int count)
    {
        bytes.CopyTo(new Span<byte>(words, bytes.Length));
        value->Count = count;
        value->Bits = (long)words;
    }
}
