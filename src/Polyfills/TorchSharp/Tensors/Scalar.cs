using System.Globalization;

namespace TorchSharp;

/// <summary>A number as an operand. Its type takes part in type promotion, with a lower rank than any tensor.</summary>
public sealed class Scalar : IDisposable
{
    private readonly double number;
    private readonly long integer;

    private Scalar(torch.ScalarType type, double number, long integer)
    {
        Type = type;
        this.number = number;
        this.integer = integer;
    }

    /// <summary>The type the scalar was made with.</summary>
    public torch.ScalarType Type { get; }

    internal double AsDouble => IsInteger ? integer : number;

    internal long AsInteger => IsInteger ? integer : (long)number;

    private bool IsInteger => Type is not (torch.ScalarType.Float16 or torch.ScalarType.BFloat16 or torch.ScalarType.Float32 or torch.ScalarType.Float64);

    /// <summary>An integer.</summary>
    public static implicit operator Scalar(byte value) => new(torch.ScalarType.Byte, 0, value);

    /// <summary>An integer.</summary>
    public static implicit operator Scalar(sbyte value) => new(torch.ScalarType.Int8, 0, value);

    /// <summary>An integer.</summary>
    public static implicit operator Scalar(short value) => new(torch.ScalarType.Int16, 0, value);

    /// <summary>An integer.</summary>
    public static implicit operator Scalar(int value) => new(torch.ScalarType.Int32, 0, value);

    /// <summary>An integer.</summary>
    public static implicit operator Scalar(long value) => new(torch.ScalarType.Int64, 0, value);

    /// <summary>A real number.</summary>
    public static implicit operator Scalar(float value) => new(torch.ScalarType.Float32, value, 0);

    /// <summary>A real number.</summary>
    public static implicit operator Scalar(double value) => new(torch.ScalarType.Float64, value, 0);

    /// <summary>A real number.</summary>
    public static implicit operator Scalar(Half value) => new(torch.ScalarType.Float16, (double)value, 0);

    /// <summary>A truth value.</summary>
    public static implicit operator Scalar(bool value) => new(torch.ScalarType.Bool, 0, value ? 1 : 0);

    /// <summary>Holds nothing native; here because callers dispose scalars.</summary>
    public void Dispose()
    {
    }

    internal string Text => IsInteger ? integer.ToString(CultureInfo.InvariantCulture) : number.ToString(CultureInfo.InvariantCulture);

    internal Argument AsArgument() => Type == torch.ScalarType.Bool ? integer != 0 : IsInteger ? integer : (Argument)number;
}
