namespace Diffusion.Snapshots.Safetensors;

/// <summary>Type of a stored tensor's elements.</summary>
public enum ElementType
{
    /// <summary>Boolean, one byte ("BOOL").</summary>
    Bool,

    /// <summary>Unsigned 8-bit integer ("U8").</summary>
    UInt8,

    /// <summary>Signed 8-bit integer ("I8").</summary>
    Int8,

    /// <summary>8-bit float with 5 exponent bits ("F8_E5M2"). Readable as bytes only.</summary>
    Float8E5M2,

    /// <summary>8-bit float with 4 exponent bits ("F8_E4M3"). Readable as bytes only.</summary>
    Float8E4M3,

    /// <summary>Signed 16-bit integer ("I16").</summary>
    Int16,

    /// <summary>Unsigned 16-bit integer ("U16").</summary>
    UInt16,

    /// <summary>IEEE 754 half precision ("F16").</summary>
    Float16,

    /// <summary>The upper half of a float32 ("BF16").</summary>
    BFloat16,

    /// <summary>Signed 32-bit integer ("I32").</summary>
    Int32,

    /// <summary>Unsigned 32-bit integer ("U32").</summary>
    UInt32,

    /// <summary>IEEE 754 single precision ("F32").</summary>
    Float32,

    /// <summary>Signed 64-bit integer ("I64").</summary>
    Int64,

    /// <summary>Unsigned 64-bit integer ("U64").</summary>
    UInt64,

    /// <summary>IEEE 754 double precision ("F64").</summary>
    Float64,
}

/// <summary>Sizes and names of element types.</summary>
public static class ElementTypes
{
    // In the order of the enumeration.
    private static readonly (string Name, int Bytes)[] All =
    [
        ("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E5M2", 1), ("F8_E4M3", 1), ("I16", 2), ("U16", 2), ("F16", 2), ("BF16", 2),
        ("I32", 4), ("U32", 4), ("F32", 4), ("I64", 8), ("U64", 8), ("F64", 8),
    ];

    /// <summary>Bytes of one element.</summary>
    public static int ByteSize(this ElementType type) => All[(int)type].Bytes;

    /// <summary>The name used in a file's header.</summary>
    public static string HeaderName(this ElementType type) => All[(int)type].Name;

    /// <summary>Whether values of this type convert to float32: F16, BF16, F32, F64.</summary>
    public static bool IsFloat(this ElementType type)
        => type is ElementType.Float16 or ElementType.BFloat16 or ElementType.Float32 or ElementType.Float64;

    internal static bool TryParse(string? name, out ElementType type)
    {
        int index = Array.FindIndex(All, item => item.Name == name);
        type = (ElementType)Math.Max(index, 0);
        return index >= 0;
    }
}
