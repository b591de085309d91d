using System.Buffers;

namespace MessagePack;

public ref partial struct MessagePackReader
{
    /// <summary>Reads an integer of any width that fits.</summary>
    public byte ReadByte() => checked((byte)ReadUInt64());

    /// <summary>Reads an integer of any width that fits.</summary>
    public ushort ReadUInt16() => checked((ushort)ReadUInt64());

    /// <summary>Reads an integer of any width that fits.</summary>
    public uint ReadUInt32() => checked((uint)ReadUInt64());

    /// <summary>Reads an integer of any width that fits.</summary>
    public ulong ReadUInt64() => checked((ulong)ReadInteger());

    /// <summary>Reads an integer of any width that fits.</summary>
    public sbyte ReadSByte() => checked((sbyte)ReadInteger());

    /// <summary>Reads an integer of any width that fits.</summary>
    public short ReadInt16() => checked((short)ReadInteger());

    /// <summary>Reads an integer of any width that fits.</summary>
    public int ReadInt32() => checked((int)ReadInteger());

    /// <summary>Reads an integer of any width that fits.</summary>
    public long ReadInt64() => checked((long)ReadInteger());

    /// <summary>Reads a UTF-16 code unit written as an integer.</summary>
    public char ReadChar() => (char)ReadUInt16();

    /// <summary>Reads a single, a double rounded to a single, or an integer.</summary>
    public float ReadSingle() => NextCode == MessagePackCode.Float32 ? ReadFloat32() : (float)ReadDouble();

    /// <summary>Reads a double, a single or an integer.</summary>
    public double ReadDouble()
    {
        switch (NextCode)
        {
            case MessagePackCode.Float32:
                return ReadFloat32();
            case MessagePackCode.Float64:
                reader.Advance(1);
                return BitConverter.UInt64BitsToDouble(ReadBigEndian64());
            default:
                return (double)ReadInteger();
        }
    }

    /// <summary>Reads a timestamp as UTC.</summary>
    public DateTime ReadDateTime() => ReadDateTime(ReadExtensionFormatHeader());

    /// <summary>Reads the timestamp that follows its header, as UTC.</summary>
    public DateTime ReadDateTime(ExtensionHeader header)
    {
        if (header.TypeCode != ReservedMessagePackExtensionTypeCode.DateTime)
        {
            throw new MessagePackSerializationException($"Extension type {header.TypeCode} cannot be read as a timestamp, which has type -1.");
        }

        long seconds;
        ulong nanoseconds;
        switch (header.Length)
        {
            case 4:
                (seconds, nanoseconds) = (ReadBigEndian32(), 0);
                break;
            case 8:
                var both = ReadBigEndian64();
                (seconds, nanoseconds) = ((long)(both & ((1UL << 34) - 1)), both >> 34);
                break;
            case 12:
                nanoseconds = ReadBigEndian32();
                seconds = (long)ReadBigEndian64();
                break;
            default:
                throw new MessagePackSerializationException($"A timestamp has 4, 8 or 12 bytes, not {header.Length}.");
        }

        return ToDateTime(seconds, nanoseconds);
    }

    /// <summary>Begins an extension.</summary>
    public ExtensionHeader ReadExtensionFormatHeader()
    {
        var code = ReadCode();
        uint length = code switch
        {
            MessagePackCode.FixExt1 => 1,
            MessagePackCode.FixExt2 => 2,
            MessagePackCode.FixExt4 => 4,
            MessagePackCode.FixExt8 => 8,
            MessagePackCode.FixExt16 => 16,
            MessagePackCode.Ext8 => ReadBigEndian8(),
            MessagePackCode.Ext16 => ReadBigEndian16(),
            MessagePackCode.Ext32 => ReadBigEndian32(),
            _ => throw Unexpected(code, "an extension"),
        };
        return new ExtensionHeader((sbyte)ReadBigEndian8(), length);
    }

    /// <summary>Reads an extension without copying its bytes.</summary>
    public ExtensionResult ReadExtensionFormat()
    {
        var header = ReadExtensionFormatHeader();
        return new ExtensionResult(header.TypeCode, Take(header.Length));
    }

    private static DateTime ToDateTime(long seconds, ulong nanoseconds)
    {
        const long FirstSecond = -62_135_596_800;
        const long LastSecond = 253_402_300_799;
        if (nanoseconds > 999_999_999)
        {
            throw new MessagePackSerializationException($"A timestamp has {nanoseconds} ns beside its seconds; 999999999 is the most.");
        }

        if (seconds is < FirstSecond or > LastSecond)
        {
            throw new MessagePackSerializationException($"A timestamp of {seconds} s is outside the years 1 to 9999 of DateTime.");
        }

        return DateTime.UnixEpoch.AddTicks((seconds * TimeSpan.TicksPerSecond) + ((long)nanoseconds / TimeSpan.NanosecondsPerTick));
    }

    /// <summary>Any integer: its range is that of long and ulong together.</summary>
    private Int128 ReadInteger()
    {
        var code = ReadCode();
        return code switch
        {
            <= MessagePackCode.MaxFixInt => code,
            >= MessagePackCode.MinNegativeFixInt => (sbyte)code,
            MessagePackCode.UInt8 => ReadBigEndian8(),
            MessagePackCode.UInt16 => ReadBigEndian16(),
            MessagePackCode.UInt32 => ReadBigEndian32(),
            MessagePackCode.UInt64 => ReadBigEndian64(),
            MessagePackCode.Int8 => (sbyte)ReadBigEndian8(),
            MessagePackCode.Int16 => (short)ReadBigEndian16(),
            MessagePackCode.Int32 => (int)ReadBigEndian32(),
            MessagePackCode.Int64 => (long)ReadBigEndian64(),
            _ => throw Unexpected(code, "an integer"),
        };
    }

    private float ReadFloat32()
    {
        reader.Advance(1);
        return BitConverter.UInt32BitsToSingle(ReadBigEndian32());
    }

    private byte ReadCode() => ReadBigEndian8();

    private byte ReadBigEndian8() => reader.TryRead(out var value) ? value : throw Truncated();

    private ushort ReadBigEndian16() => reader.TryReadBigEndian(out short value) ? (ushort)value : throw Truncated();

    private uint ReadBigEndian32() => reader.TryReadBigEndian(out int value) ? (uint)value : throw Truncated();

    private ulong ReadBigEndian64() => reader.TryReadBigEndian(out long value) ? (ulong)value : throw Truncated();
}
