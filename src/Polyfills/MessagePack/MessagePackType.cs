namespace MessagePack;

/// <summary>The kinds of values.</summary>
public enum MessagePackType : byte
{
    /// <summary>No value begins like this.</summary>
    Unknown = 0,

    /// <summary>An integer from -2⁶³ to 2⁶⁴ - 1.</summary>
    Integer = 1,

    /// <summary>nil.</summary>
    Nil = 2,

    /// <summary>true or false.</summary>
    Boolean = 3,

    /// <summary>A single or a double.</summary>
    Float = 4,

    /// <summary>UTF-8 text.</summary>
    String = 5,

    /// <summary>Bytes.</summary>
    Binary = 6,

    /// <summary>Values in order.</summary>
    Array = 7,

    /// <summary>Keys and values in turn.</summary>
    Map = 8,

    /// <summary>Bytes with a type number.</summary>
    Extension = 9,
}

/// <summary>Extension types that the specification itself defines.</summary>
public static class ReservedMessagePackExtensionTypeCode
{
    /// <summary>A timestamp of 32, 64 or 96 bits.</summary>
    public const sbyte DateTime = -1;
}
