using TorchSharp.Modules;

namespace TorchSharp;

/// <summary>Values of tensors, and tensors of values.</summary>
public static class TensorExtensionMethods
{
    /// <summary>The bytes of one element.</summary>
    public static int ElementSize(this torch.ScalarType type) => type switch
    {
        torch.ScalarType.Byte or torch.ScalarType.Int8 or torch.ScalarType.Bool => 1,
        torch.ScalarType.Int16 or torch.ScalarType.Float16 or torch.ScalarType.BFloat16 => 2,
        torch.ScalarType.Int32 or torch.ScalarType.Float32 => 4,
        torch.ScalarType.Int64 or torch.ScalarType.Float64 or torch.ScalarType.ComplexFloat32 => 8,
        torch.ScalarType.ComplexFloat64 => 16,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No such type of element."),
    };

    /// <summary>The elements of a shape.</summary>
    public static long TotalSize(this IEnumerable<long> shape) => shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>A leaf that requires a gradient, sharing this tensor's memory.</summary>
    public static Parameter AsParameter(this torch.Tensor tensor) => new(tensor);

    /// <summary>A tensor of no dimensions with this value.</summary>
    public static torch.Tensor ToTensor<T>(this T scalar, torch.Device? device = null, bool requires_grad = false)
        where T : struct => torch.FromScalar(ScalarOf(scalar), null, device, requires_grad);

    /// <summary>The only element, on whichever device, as a number.</summary>
    /// <exception cref="System.Runtime.InteropServices.ExternalException">There are several elements.</exception>
    public static float ToSingle(this torch.Tensor value) => (float)value.ToDouble();

    /// <inheritdoc cref="ToSingle(torch.Tensor)"/>
    public static double ToDouble(this torch.Tensor value) => Item(value).AsDouble;

    /// <inheritdoc cref="ToSingle(torch.Tensor)"/>
    public static Half ToHalf(this torch.Tensor value) => (Half)value.ToDouble();

    /// <inheritdoc cref="ToSingle(torch.Tensor)"/>
    public static sbyte ToSByte(this torch.Tensor value) => (sbyte)value.ToInt64();

    /// <inheritdoc cref="ToSingle(torch.Tensor)"/>
    public static byte ToByte(this torch.Tensor value) => (byte)value.ToInt64();

    /// <inheritdoc cref="ToSingle(torch.Tensor)"/>
    public static short ToInt16(this torch.Tensor value) => (short)value.ToInt64();

    /// <inheritdoc cref="ToSingle(torch.Tensor)"/>
    public static int ToInt32(this torch.Tensor value) => (int)value.ToInt64();

    /// <inheritdoc cref="ToSingle(torch.Tensor)"/>
    public static long ToInt64(this torch.Tensor value) => Item(value).AsInteger;

    /// <summary>Whether the only element is not zero.</summary>
    public static bool ToBoolean(this torch.Tensor value) => Item(value).AsDouble != 0;

    internal static Scalar Item(torch.Tensor value)
    {
        NativeHooks.CountHostRead();
        var item = Aten.item.CallValue(value);
        return (ArgumentTag)item.Tag switch
        {
            ArgumentTag.Double => BitConverter.Int64BitsToDouble(item.Bits),
            ArgumentTag.Bool => item.Bits != 0,
            _ => item.Bits,
        };
    }

    private static Scalar ScalarOf<T>(T value) => value switch
    {
        byte number => number,
        sbyte number => number,
        short number => number,
        int number => number,
        long number => number,
        Half number => number,
        float number => number,
        double number => number,
        bool flag => flag,
        _ => throw new NotSupportedException($"A {typeof(T)} has no tensor. Use a number or a truth value."),
    };
}
