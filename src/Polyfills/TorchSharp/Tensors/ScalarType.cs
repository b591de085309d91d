namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>The type of a tensor's elements.</summary>
    public enum ScalarType : sbyte
    {
        /// <summary>Unsigned, 8 bits.</summary>
        Byte = 0,

        /// <summary>Signed, 8 bits.</summary>
        Int8 = 1,

        /// <summary>Signed, 16 bits.</summary>
        Int16 = 2,

        /// <summary>Signed, 32 bits.</summary>
        Int32 = 3,

        /// <summary>Signed, 64 bits.</summary>
        Int64 = 4,

        /// <summary>IEEE half precision.</summary>
        Float16 = 5,

        /// <summary>Single precision.</summary>
        Float32 = 6,

        /// <summary>Double precision.</summary>
        Float64 = 7,

        /// <summary>Pairs of single precision.</summary>
        ComplexFloat32 = 9,

        /// <summary>Pairs of double precision.</summary>
        ComplexFloat64 = 10,

        /// <summary>One byte, zero or one.</summary>
        Bool = 11,

        /// <summary>The upper half of single precision.</summary>
        BFloat16 = 15,
    }

    /// <summary><see cref="ScalarType.Byte"/></summary>
    public static ScalarType uint8 = ScalarType.Byte;

    /// <summary><see cref="ScalarType.Int8"/></summary>
    public static ScalarType int8 = ScalarType.Int8;

    /// <summary><see cref="ScalarType.Int16"/></summary>
    public static ScalarType int16 = ScalarType.Int16;

    /// <summary><see cref="ScalarType.Int32"/></summary>
    public static ScalarType int32 = ScalarType.Int32;

    /// <summary><see cref="ScalarType.Int64"/></summary>
    public static ScalarType int64 = ScalarType.Int64;

    /// <summary><see cref="ScalarType.Float16"/></summary>
    public static ScalarType float16 = ScalarType.Float16;

    /// <inheritdoc cref="float16"/>
    public static ScalarType half = ScalarType.Float16;

    /// <summary><see cref="ScalarType.BFloat16"/></summary>
    public static ScalarType bfloat16 = ScalarType.BFloat16;

    /// <summary><see cref="ScalarType.Float32"/></summary>
    public static ScalarType float32 = ScalarType.Float32;

    /// <inheritdoc cref="float32"/>
    public static ScalarType @float = ScalarType.Float32;

    /// <summary><see cref="ScalarType.Float64"/></summary>
    public static ScalarType float64 = ScalarType.Float64;

    /// <inheritdoc cref="float64"/>
    public static ScalarType @double = ScalarType.Float64;

    /// <summary><see cref="ScalarType.Bool"/></summary>
    public static ScalarType @bool = ScalarType.Bool;

    internal static ScalarType ScalarTypeOf(Type type) => System.Type.GetTypeCode(type) switch
    {
        TypeCode.Byte => ScalarType.Byte,
        TypeCode.SByte => ScalarType.Int8,
        TypeCode.Int16 => ScalarType.Int16,
        TypeCode.Int32 => ScalarType.Int32,
        TypeCode.Int64 => ScalarType.Int64,
        TypeCode.Single => ScalarType.Float32,
        TypeCode.Double => ScalarType.Float64,
        TypeCode.Boolean => ScalarType.Bool,
        _ when type == typeof(Half) => ScalarType.Float16,
        _ => throw new NotSupportedException($"Elements of type {type} have no tensor type. Use byte, sbyte, short, int, long, Half, float, double or bool."),
    };

    /// <summary>True for real floating-point types.</summary>
    public static bool is_floating_point(ScalarType type) => type is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64;

    /// <summary>True for integers and truth values.</summary>
    public static bool is_integral(ScalarType type) =>
        type is ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64 or ScalarType.Bool;
}
