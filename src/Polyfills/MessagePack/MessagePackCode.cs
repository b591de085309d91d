namespace MessagePack;

/// <summary>The first byte of every value.</summary>
public static class MessagePackCode
{
    /// <summary>The first of the integers 0 to 127 that are their own code.</summary>
    public const byte MinFixInt = 0x00;

    /// <summary>The last of them.</summary>
    public const byte MaxFixInt = 0x7f;

    /// <summary>A map of 0 entries.</summary>
    public const byte MinFixMap = 0x80;

    /// <summary>A map of 15 entries.</summary>
    public const byte MaxFixMap = 0x8f;

    /// <summary>An array of 0 elements.</summary>
    public const byte MinFixArray = 0x90;

    /// <summary>An array of 15 elements.</summary>
    public const byte MaxFixArray = 0x9f;

    /// <summary>A string of 0 bytes.</summary>
    public const byte MinFixStr = 0xa0;

    /// <summary>A string of 31 bytes.</summary>
    public const byte MaxFixStr = 0xbf;

    /// <summary>nil.</summary>
    public const byte Nil = 0xc0;

    /// <summary>Reserved: no value begins with it.</summary>
    public const byte NeverUsed = 0xc1;

    /// <summary>false.</summary>
    public const byte False = 0xc2;

    /// <summary>true.</summary>
    public const byte True = 0xc3;

    /// <summary>Bytes with an 8-bit length.</summary>
    public const byte Bin8 = 0xc4;

    /// <summary>Bytes with a 16-bit length.</summary>
    public const byte Bin16 = 0xc5;

    /// <summary>Bytes with a 32-bit length.</summary>
    public const byte Bin32 = 0xc6;

    /// <summary>An extension with an 8-bit length.</summary>
    public const byte Ext8 = 0xc7;

    /// <summary>An extension with a 16-bit length.</summary>
    public const byte Ext16 = 0xc8;

    /// <summary>An extension with a 32-bit length.</summary>
    public const byte Ext32 = 0xc9;

    /// <summary>A single.</summary>
    public const byte Float32 = 0xca;

    /// <summary>A double.</summary>
    public const byte Float64 = 0xcb;

    /// <summary>An unsigned integer of 8 bits.</summary>
    public const byte UInt8 = 0xcc;

    /// <summary>An unsigned integer of 16 bits.</summary>
    public const byte UInt16 = 0xcd;

    /// <summary>An unsigned integer of 32 bits.</summary>
    public const byte UInt32 = 0xce;

    /// <summary>An unsigned integer of 64 bits.</summary>
    public const byte UInt64 = 0xcf;

    /// <summary>A signed integer of 8 bits.</summary>
    public const byte Int8 = 0xd0;

    /// <summary>A signed integer of 16 bits.</summary>
    public const byte Int16 = 0xd1;

    /// <summary>A signed integer of 32 bits.</summary>
    public const byte Int32 = 0xd2;

    /// <summary>A signed integer of 64 bits.</summary>
    public const byte Int64 = 0xd3;

    /// <summary>An extension of 1 byte.</summary>
    public const byte FixExt1 = 0xd4;

    /// <summary>An extension of 2 bytes.</summary>
    public const byte FixExt2 = 0xd5;

    /// <summary>An extension of 4 bytes.</summary>
    public const byte FixExt4 = 0xd6;

    /// <summary>An extension of 8 bytes.</summary>
    public const byte FixExt8 = 0xd7;

    /// <summary>An extension of 16 bytes.</summary>
    public const byte FixExt16 = 0xd8;

    /// <summary>A string with an 8-bit length.</summary>
    public const byte Str8 = 0xd9;

    /// <summary>A string with a 16-bit length.</summary>
    public const byte Str16 = 0xda;

    /// <summary>A string with a 32-bit length.</summary>
    public const byte Str32 = 0xdb;

    /// <summary>An array with a 16-bit count.</summary>
    public const byte Array16 = 0xdc;

    /// <summary>An array with a 32-bit count.</summary>
    public const byte Array32 = 0xdd;

    /// <summary>A map with a 16-bit count.</summary>
    public const byte Map16 = 0xde;

    /// <summary>A map with a 32-bit count.</summary>
    public const byte Map32 = 0xdf;

    /// <summary>-32, the first of the negative integers that are their own code.</summary>
    public const byte MinNegativeFixInt = 0xe0;

    /// <summary>-1, the last of them.</summary>
    public const byte MaxNegativeFixInt = 0xff;

    /// <summary>What kind of value begins with <paramref name="code"/>.</summary>
    public static MessagePackType ToMessagePackType(byte code) => code switch
    {
        <= MaxFixInt or >= MinNegativeFixInt or (>= UInt8 and <= Int64) => MessagePackType.Integer,
        <= MaxFixMap or Map16 or Map32 => MessagePackType.Map,
        <= MaxFixArray or Array16 or Array32 => MessagePackType.Array,
        <= MaxFixStr or (>= Str8 and <= Str32) => MessagePackType.String,
        Nil => MessagePackType.Nil,
        False or True => MessagePackType.Boolean,
        >= Bin8 and <= Bin32 => MessagePackType.Binary,
        (>= Ext8 and <= Ext32) or (>= FixExt1 and <= FixExt16) => MessagePackType.Extension,
        Float32 or Float64 => MessagePackType.Float,
        NeverUsed => MessagePackType.Unknown,
    };
}
