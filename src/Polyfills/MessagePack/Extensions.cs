using System.Buffers;

namespace MessagePack;

/// <summary>Type and length of an extension, whose bytes follow.</summary>
public struct ExtensionHeader(sbyte typeCode, uint length) : IEquatable<ExtensionHeader>
{
    /// <summary>With a signed length.</summary>
    /// <exception cref="OverflowException"><paramref name="length"/> is negative.</exception>
    public ExtensionHeader(sbyte typeCode, int length)
        : this(typeCode, checked((uint)length))
    {
    }

    /// <summary>The type: 0 to 127 belong to applications, negative ones to the specification.</summary>
    public sbyte TypeCode { get; private set; } = typeCode;

    /// <summary>The number of bytes that follow.</summary>
    public uint Length { get; private set; } = length;

    /// <summary>Same type and length.</summary>
    public bool Equals(ExtensionHeader other) => TypeCode == other.TypeCode && Length == other.Length;
}

/// <summary>A whole extension. What was read refers to the reader's buffer.</summary>
public struct ExtensionResult(sbyte typeCode, ReadOnlySequence<byte> data)
{
    /// <summary>From memory.</summary>
    public ExtensionResult(sbyte typeCode, Memory<byte> data)
        : this(typeCode, new ReadOnlySequence<byte>(data))
    {
    }

    /// <summary>The type: 0 to 127 belong to applications, negative ones to the specification.</summary>
    public sbyte TypeCode { get; private set; } = typeCode;

    /// <summary>The bytes.</summary>
    public ReadOnlySequence<byte> Data { get; private set; } = data;

    /// <summary>Type and length.</summary>
    public ExtensionHeader Header => new(TypeCode, (uint)Data.Length);
}
