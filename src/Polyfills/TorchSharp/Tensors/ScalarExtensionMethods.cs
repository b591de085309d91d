namespace TorchSharp;

/// <summary>Conversions between numbers and <see cref="Scalar"/>.</summary>
public static class ScalarExtensionMethods
{
    /// <summary>The number as a scalar.</summary>
    public static Scalar ToScalar(this byte value) => value;

    /// <inheritdoc cref="ToScalar(byte)"/>
    public static Scalar ToScalar(this sbyte value) => value;

    /// <inheritdoc cref="ToScalar(byte)"/>
    public static Scalar ToScalar(this short value) => value;

    /// <inheritdoc cref="ToScalar(byte)"/>
    public static Scalar ToScalar(this int value) => value;

    /// <inheritdoc cref="ToScalar(byte)"/>
    public static Scalar ToScalar(this long value) => value;

    /// <inheritdoc cref="ToScalar(byte)"/>
    public static Scalar ToScalar(this float value) => value;

    /// <inheritdoc cref="ToScalar(byte)"/>
    public static Scalar ToScalar(this double value) => value;

    /// <inheritdoc cref="ToScalar(byte)"/>
    public static Scalar ToScalar(this Half value) => value;

    /// <inheritdoc cref="ToScalar(byte)"/>
    public static Scalar ToScalar(this bool value) => value;

    /// <summary>The scalar as a number.</summary>
    public static float ToSingle(this Scalar value) => (float)value.AsDouble;

    /// <inheritdoc cref="ToSingle(Scalar)"/>
    public static double ToDouble(this Scalar value) => value.AsDouble;

    /// <inheritdoc cref="ToSingle(Scalar)"/>
    public static Half ToHalf(this Scalar value) => (Half)value.AsDouble;

    /// <inheritdoc cref="ToSingle(Scalar)"/>
    public static sbyte ToSByte(this Scalar value) => (sbyte)value.AsInteger;

    /// <inheritdoc cref="ToSingle(Scalar)"/>
    public static byte ToByte(this Scalar value) => (byte)value.AsInteger;

    /// <inheritdoc cref="ToSingle(Scalar)"/>
    public static short ToInt16(this Scalar value) => (short)value.AsInteger;

    /// <inheritdoc cref="ToSingle(Scalar)"/>
    public static int ToInt32(this Scalar value) => (int)value.AsInteger;

    /// <inheritdoc cref="ToSingle(Scalar)"/>
    public static long ToInt64(this Scalar value) => value.AsInteger;

    /// <summary>False for zero.</summary>
    public static bool ToBoolean(this Scalar value) => value.AsDouble != 0;
}
