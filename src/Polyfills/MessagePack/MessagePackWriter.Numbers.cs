using System.Buffers.Binary;

namespace MessagePack;

public ref partial struct MessagePackWriter
{
    /// <summary>Writes an integer in its shortest form.</summary>
    public void Write(byte value) => Write((ulong)value);

    /// <summary>Writes an integer in its shortest form.</summary>
    public void Write(ushort value) => Write((ulong)value);

    /// <summary>Writes an integer in its shortest form.</summary>
    public void Write(uint value) => Write((ulong)value);

    /// <summary>Writes the UTF-16 code unit as an integer.</summary>
    public void Write(char value) => Write((ulong)value);

    /// <summary>Writes an integer in its shortest form.</summary>
    public void Write(sbyte value) => Write((long)value);

    /// <summary>Writes an integer in its shortest form.</summary>
    public void Write(short value) => Write((long)value);

    /// <summary>Writes an integer in its shortest form.</summary>
    public void Write(int value) => Write((long)value);

    /// <summary>Writes an integer in its shortest form.</summary>
    public void Write(ulong value)
    {
        switch (value)
        {
            case <= MessagePackCode.MaxFixInt: WriteCode((byte)value); break;
            case <= byte.MaxValue: WriteUInt8((byte)value); break;
            case <= ushort.MaxValue: WriteUInt16((ushort)value); break;
            case <= uint.MaxValue: WriteUInt32((uint)value); break;
            default: WriteUInt64(value); break;
        }
    }

    /// <summary>Writes an integer in its shortest form; one that is not negative is written unsigned.</summary>
    public void Write(long value)
    {
        switch (value)
        {
            case >= 0: Write((ulong)value); break;
            case >= -32: WriteCode((byte)value); break;
            case >= sbyte.MinValue: WriteInt8((sbyte)value); break;
            case >= short.MinValue: WriteInt16((short)value); break;
            case >= int.MinValue: WriteInt32((int)value); break;
            default: WriteInt64(value); break;
        }
    }

    /// <summary>Writes two bytes, whatever the value.</summary>
    public void WriteUInt8(byte value) => WriteCodeAnd8(MessagePackCode.UInt8, value);

    /// <summary>Writes two bytes, whatever the value.</summary>
    public void WriteInt8(sbyte value) => WriteCodeAnd8(MessagePackCode.Int8, (byte)value);

    /// <summary>Writes three bytes, whatever the value.</summary>
    public void WriteUInt16(ushort value) => WriteCodeAnd16(MessagePackCode.UInt16, value);

    /// <summary>Writes three bytes, whatever the value.</summary>
    public void WriteInt16(short value) => WriteCodeAnd16(MessagePackCode.Int16, (ushort)value);

    /// <summary>Writes five bytes, whatever the value.</summary>
    public void WriteUInt32(uint value) => WriteCodeAnd32(MessagePackCode.UInt32, value);

    /// <summary>Writes five bytes, whatever the value.</summary>
    public void WriteInt32(int value) => WriteCodeAnd32(MessagePackCode.Int32, (uint)value);

    /// <summary>Writes nine bytes, whatever the value.</summary>
    public void WriteUInt64(ulong value) => WriteCodeAnd64(MessagePackCode.UInt64, value);

    /// <summary>Writes nine bytes, whatever the value.</summary>
    public void WriteInt64(long value) => WriteCodeAnd64(MessagePackCode.Int64, (ulong)value);

    /// <summary>Writes a single, bit for bit.</summary>
    public void Write(float value) => WriteCodeAnd32(MessagePackCode.Float32, BitConverter.SingleToUInt32Bits(value));

    /// <summary>Writes a double, bit for bit.</summary>
    public void Write(double value) => WriteCodeAnd64(MessagePackCode.Float64, BitConverter.DoubleToUInt64Bits(value));

    /// <summary>Writes an extension.</summary>
    public void WriteExtensionFormat(ExtensionResult extensionData)
    {
        WriteExtensionFormatHeader(extensionData.Header);
        WriteRaw(extensionData.Data);
    }

    /// <summary>Begins an extension; as many bytes as its length says follow.</summary>
    public void WriteExtensionFormatHeader(ExtensionHeader extensionHeader)
    {
        switch (extensionHeader.Length)
        {
            case 1: WriteCode(MessagePackCode.FixExt1); break;
            case 2: WriteCode(MessagePackCode.FixExt2); break;
            case 4: WriteCode(MessagePackCode.FixExt4); break;
            case 8: WriteCode(MessagePackCode.FixExt8); break;
            case 16: WriteCode(MessagePackCode.FixExt16); break;
            default: WriteHeader(extensionHeader.Length, MessagePackCode.Ext8, MessagePackCode.Ext16, MessagePackCode.Ext32); break;
        }

        WriteCode((byte)extensionHeader.TypeCode);
    }

    /// <summary>Writes a timestamp extension of 32, 64 or 96 bits. Local time becomes UTC; unspecified time is taken for UTC.</summary>
    public void Write(DateTime dateTime)
    {
        var utc = dateTime.Kind == DateTimeKind.Local ? dateTime.ToUniversalTime() : dateTime;
        var sinceEpoch = utc.Ticks - DateTime.UnixEpoch.Ticks;
        var seconds = (long)Math.Floor((decimal)sinceEpoch / TimeSpan.TicksPerSecond);
        var nanoseconds = (uint)((sinceEpoch - (seconds * TimeSpan.TicksPerSecond)) * TimeSpan.NanosecondsPerTick);

        // 34 bits of seconds and 30 of nanoseconds fill the 64-bit form.
        if (seconds >> 34 != 0)
        {
            WriteExtensionFormatHeader(new ExtensionHeader(ReservedMessagePackExtensionTypeCode.DateTime, 12));
            var form96 = GetSpan(12);
            BinaryPrimitives.WriteUInt32BigEndian(form96, nanoseconds);
            BinaryPrimitives.WriteInt64BigEndian(form96[4..], seconds);
            Advance(12);
        }
        else if (nanoseconds != 0 || seconds > uint.MaxValue)
        {
            WriteExtensionFormatHeader(new ExtensionHeader(ReservedMessagePackExtensionTypeCode.DateTime, 8));
            BinaryPrimitives.WriteUInt64BigEndian(GetSpan(8), ((ulong)nanoseconds << 34) | (ulong)seconds);
            Advance(8);
        }
        else
        {
            WriteExtensionFormatHeader(new ExtensionHeader(ReservedMessagePackExtensionTypeCode.DateTime, 4));
            BinaryPrimitives.WriteUInt32BigEndian(GetSpan(4), (uint)seconds);
            Advance(4);
        }
    }

    /// <summary>A count in the code itself, or in two or four bytes.</summary>
    private void WriteHeader(uint count, byte fix, uint maxFix, byte code16, byte code32)
    {
        if (count <= maxFix)
        {
            WriteCode((byte)(fix | count));
        }
        else if (count <= ushort.MaxValue)
        {
            WriteCodeAnd16(code16, (ushort)count);
        }
        else
        {
            WriteCodeAnd32(code32, count);
        }
    }

    /// <summary>A length in one, two or four bytes.</summary>
    private void WriteHeader(uint length, byte code8, byte code16, byte code32)
    {
        switch (length)
        {
            case <= byte.MaxValue: WriteCodeAnd8(code8, (byte)length); break;
            case <= ushort.MaxValue: WriteCodeAnd16(code16, (ushort)length); break;
            default: WriteCodeAnd32(code32, length); break;
        }
    }

    private void WriteCode(byte code)
    {
        GetSpan(1)[0] = code;
        used++;
    }

    private void WriteCodeAnd8(byte code, byte value)
    {
        var room = GetSpan(2);
        room[0] = code;
        room[1] = value;
        used += 2;
    }

    private void WriteCodeAnd16(byte code, ushort value)
    {
        var room = GetSpan(3);
        room[0] = code;
        BinaryPrimitives.WriteUInt16BigEndian(room[1..], value);
        used += 3;
    }

    private void WriteCodeAnd32(byte code, uint value)
    {
        var room = GetSpan(5);
        room[0] = code;
        BinaryPrimitives.WriteUInt32BigEndian(room[1..], value);
        used += 5;
    }

    private void WriteCodeAnd64(byte code, ulong value)
    {
        var room = GetSpan(9);
        room[0] = code;
        BinaryPrimitives.WriteUInt64BigEndian(room[1..], value);
        used += 9;
    }
}
