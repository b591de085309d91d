namespace MessagePack.Tests;

/// <summary>Each value against the bytes the specification gives for it.</summary>
public sealed class WriterTests
{
    private delegate void Write(ref MessagePackWriter writer);

    [Theory]
    [InlineData(0, "00")]
    [InlineData(127, "7f")]
    [InlineData(128, "cc80")]
    [InlineData(255, "ccff")]
    [InlineData(256, "cd0100")]
    [InlineData(65535, "cdffff")]
    [InlineData(65536, "ce00010000")]
    [InlineData(4294967295, "ceffffffff")]
    [InlineData(4294967296, "cf0000000100000000")]
    [InlineData(long.MaxValue, "cf7fffffffffffffff")]
    [InlineData(-1, "ff")]
    [InlineData(-32, "e0")]
    [InlineData(-33, "d0df")]
    [InlineData(-128, "d080")]
    [InlineData(-129, "d1ff7f")]
    [InlineData(-32768, "d18000")]
    [InlineData(-32769, "d2ffff7fff")]
    [InlineData(-2147483648, "d280000000")]
    [InlineData(-2147483649, "d3ffffffff7fffffff")]
    [InlineData(long.MinValue, "d38000000000000000")]
    public void Integer_EachBoundary_TakesTheShortestForm(long value, string expected) =>
        Assert.Equal(expected, Written((ref writer) => writer.Write(value)));

    [Fact]
    public void Integer_LargestUnsigned_Fits() => Assert.Equal("cfffffffffffffffff", Written((ref writer) => writer.Write(ulong.MaxValue)));

    [Fact]
    public void Integer_ForcedWidths_AreKept()
    {
        Assert.Equal("cc01", Written((ref writer) => writer.WriteUInt8(1)));
        Assert.Equal("cd0001", Written((ref writer) => writer.WriteUInt16(1)));
        Assert.Equal("ce00000001", Written((ref writer) => writer.WriteUInt32(1)));
        Assert.Equal("cf0000000000000001", Written((ref writer) => writer.WriteUInt64(1)));
        Assert.Equal("d0ff", Written((ref writer) => writer.WriteInt8(-1)));
        Assert.Equal("d1ffff", Written((ref writer) => writer.WriteInt16(-1)));
        Assert.Equal("d2ffffffff", Written((ref writer) => writer.WriteInt32(-1)));
        Assert.Equal("d3ffffffffffffffff", Written((ref writer) => writer.WriteInt64(-1)));
    }

    [Fact]
    public void Scalars_Are_AsSpecified()
    {
        Assert.Equal("c0", Written((ref writer) => writer.WriteNil()));
        Assert.Equal("c2c3", Written((ref writer) =>
        {
            writer.Write(false);
            writer.Write(true);
        }));
        Assert.Equal("ca3fc00000", Written((ref writer) => writer.Write(1.5f)));
        Assert.Equal("cb3ff8000000000000", Written((ref writer) => writer.Write(1.5)));
        Assert.Equal("cd20ac", Written((ref writer) => writer.Write('€')));
        Assert.Equal("c0c0", Written((ref writer) =>
        {
            writer.Write((string?)null);
            writer.Write((byte[]?)null);
        }));
    }

    [Theory]
    [InlineData(0, "a0")]
    [InlineData(31, "bf")]
    [InlineData(32, "d920")]
    [InlineData(255, "d9ff")]
    [InlineData(256, "da0100")]
    [InlineData(65535, "daffff")]
    [InlineData(65536, "db00010000")]
    public void String_EachBoundary_TakesTheShortestHeader(int bytes, string header)
    {
        var expected = header + string.Concat(Enumerable.Repeat("61", bytes));

        Assert.Equal(expected, Written((ref writer) => writer.Write(new string('a', bytes))));
        Assert.Equal(expected, Written((ref writer) => writer.WriteString(Enumerable.Repeat((byte)'a', bytes).ToArray())));
    }

    [Theory]
    [InlineData(0, "c400")]
    [InlineData(255, "c4ff")]
    [InlineData(256, "c50100")]
    [InlineData(65536, "c600010000")]
    public void Bytes_EachBoundary_TakeTheShortestHeader(int bytes, string header) =>
        Assert.StartsWith(header, Written((ref writer) => writer.Write(new byte[bytes])), StringComparison.Ordinal);

    [Theory]
    [InlineData(0, "90", "80")]
    [InlineData(15, "9f", "8f")]
    [InlineData(16, "dc0010", "de0010")]
    [InlineData(65535, "dcffff", "deffff")]
    [InlineData(65536, "dd00010000", "df00010000")]
    public void Headers_EachBoundary_AreTheShortest(int count, string array, string map)
    {
        Assert.Equal(array, Written((ref writer) => writer.WriteArrayHeader(count)));
        Assert.Equal(map, Written((ref writer) => writer.WriteMapHeader(count)));
    }

    [Fact]
    public void Headers_Negative_AreRefused()
    {
        Assert.Throws<OverflowException>(() => Written((ref writer) => writer.WriteArrayHeader(-1)));
        Assert.Throws<OverflowException>(() => Written((ref writer) => writer.WriteMapHeader(-1)));
        Assert.Throws<OverflowException>(() => Written((ref writer) => writer.WriteBinHeader(-1)));
        Assert.Throws<OverflowException>(() => Written((ref writer) => writer.WriteStringHeader(-1)));
    }

    [Theory]
    [InlineData(1, "d405")]
    [InlineData(2, "d505")]
    [InlineData(4, "d605")]
    [InlineData(8, "d705")]
    [InlineData(16, "d805")]
    [InlineData(0, "c70005")]
    [InlineData(3, "c70305")]
    [InlineData(255, "c7ff05")]
    [InlineData(256, "c8010005")]
    [InlineData(65536, "c90001000005")]
    public void Extension_EachLength_TakesItsForm(int length, string header) =>
        Assert.StartsWith(header, Written((ref writer) => writer.WriteExtensionFormat(new ExtensionResult(5, new byte[length]))), StringComparison.Ordinal);

    [Theory]
    [InlineData("1970-01-01T00:00:00Z", "d6ff00000000")]
    [InlineData("2106-02-07T06:28:15Z", "d6ffffffffff")]
    [InlineData("2106-02-07T06:28:16Z", "d7ff0000000100000000")]
    [InlineData("1970-01-01T00:00:00.0000001Z", "d7ff0000019000000000")]
    [InlineData("2514-05-30T01:53:03Z", "d7ff00000003ffffffff")]
    [InlineData("2514-05-30T01:53:04Z", "c70cff000000000000000400000000")]
    [InlineData("1969-12-31T23:59:59.5Z", "c70cff1dcd6500ffffffffffffffff")]
    public void Timestamp_EachForm_IsAsSpecified(string time, string expected)
    {
        var utc = DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture).UtcDateTime;

        Assert.Equal(expected, Written((ref writer) => writer.Write(utc)));
        Assert.Equal(expected, Written((ref writer) => writer.Write(utc.ToLocalTime())));
        Assert.Equal(utc, new MessagePackReader(Convert.FromHexString(expected)).ReadDateTime());
    }

    [Fact]
    public void Spans_OfTheCaller_MixWithWrites() => Assert.Equal("01aabb02", Written((ref writer) =>
    {
        writer.Write(1);
        var room = writer.GetSpan(2);
        room[0] = 0xaa;
        room[1] = 0xbb;
        writer.Advance(2);
        writer.Write(2);
    }));

    [Fact]
    public void Raw_LargerThanTheBuffer_IsCopiedWhole()
    {
        var raw = new byte[100_000];
        new Random(1).NextBytes(raw);

        Assert.Equal("01" + Convert.ToHexStringLower(raw) + "02", Written((ref writer) =>
        {
            writer.Write(1);
            writer.WriteRaw(raw);
            writer.Write(2);
        }));
    }

    private static string Written(Write write) => Convert.ToHexStringLower(Value.Bytes(buffer =>
    {
        var writer = new MessagePackWriter(buffer);
        write(ref writer);
        writer.Flush();
    }));
}
