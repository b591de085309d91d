using System.Buffers;

namespace MessagePack.Tests;

public sealed class ReaderTests
{
    [Theory]
    [InlineData("cc05")]
    [InlineData("cd0005")]
    [InlineData("ce00000005")]
    [InlineData("cf0000000000000005")]
    [InlineData("d005")]
    [InlineData("d10005")]
    [InlineData("d200000005")]
    [InlineData("d30000000000000005")]
    public void Integer_AnyWidth_ReadsAsEveryType(string hexadecimal)
    {
        var bytes = Convert.FromHexString(hexadecimal);

        Assert.Equal(5, new MessagePackReader(bytes).ReadByte());
        Assert.Equal(5, new MessagePackReader(bytes).ReadUInt16());
        Assert.Equal(5u, new MessagePackReader(bytes).ReadUInt32());
        Assert.Equal(5ul, new MessagePackReader(bytes).ReadUInt64());
        Assert.Equal(5, new MessagePackReader(bytes).ReadSByte());
        Assert.Equal(5, new MessagePackReader(bytes).ReadInt16());
        Assert.Equal(5, new MessagePackReader(bytes).ReadInt32());
        Assert.Equal(5, new MessagePackReader(bytes).ReadInt64());
        Assert.Equal('\u0005', new MessagePackReader(bytes).ReadChar());
        Assert.Equal(5f, new MessagePackReader(bytes).ReadSingle());
        Assert.Equal(5.0, new MessagePackReader(bytes).ReadDouble());
    }

    [Fact]
    public void Integer_DoesNotFit_Overflows()
    {
        Assert.Throws<OverflowException>(() => new MessagePackReader(Convert.FromHexString("cd0100")).ReadByte());
        Assert.Throws<OverflowException>(() => new MessagePackReader(Convert.FromHexString("ff")).ReadUInt64());
        Assert.Throws<OverflowException>(() => new MessagePackReader(Convert.FromHexString("cc80")).ReadSByte());
        Assert.Throws<OverflowException>(() => new MessagePackReader(Convert.FromHexString("cf8000000000000000")).ReadInt64());
        Assert.Throws<OverflowException>(() => new MessagePackReader(Convert.FromHexString("d3ffffffff7fffffff")).ReadInt32());
    }

    [Fact]
    public void Kind_NotAskedFor_NamesBoth()
    {
        var failure = Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString("c3")).ReadString());

        Assert.Equal("Code 0xc3 (Boolean) cannot be read as a string.", failure.Message);
        Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString("c1")).Skip());
        Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString("a0")).ReadInt32());
        Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString("ca00000000")).ReadInt32());
        Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString("80")).ReadArrayHeader());
        Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString("90")).ReadMapHeader());
        Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString("90")).ReadBytes());
        Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString("00")).ReadNil());
    }

    [Theory]
    [InlineData("dd7fffffff")]
    [InlineData("ddffffffff")]
    [InlineData("df3fffffff")]
    [InlineData("dfffffffff")]
    [InlineData("dbffffffff")]
    [InlineData("c6ffffffff")]
    [InlineData("c9ffffffff05")]
    [InlineData("dcffff00")]
    public void Length_Lies_IsRefusedWithoutAllocating(string hexadecimal)
    {
        var bytes = Convert.FromHexString(hexadecimal);
        Assert.Throws<EndOfStreamException>(() => Read(bytes));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<EndOfStreamException>(() => Read(bytes));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);

        static void Read(byte[] bytes)
        {
            var reader = new MessagePackReader(bytes);
            Value.ReadFrom(ref reader);
        }
    }

    [Fact]
    public void Nesting_AMillionDeep_SkipsWithoutStack()
    {
        var bytes = new byte[1_000_001];
        Array.Fill(bytes, (byte)0x91);
        bytes[^1] = 0xc0;
        var reader = new MessagePackReader(bytes);

        reader.Skip();

        Assert.True(reader.End);
    }

    [Fact]
    public void Peek_AndRaw_LeaveThePositionAsTheySay()
    {
        var reader = new MessagePackReader(Convert.FromHexString("9301a16103"));
        var ahead = reader.CreatePeekReader();
        ahead.Skip();
        Assert.True(ahead.End);
        Assert.Equal(0, reader.Consumed);

        Assert.Equal(3, reader.ReadArrayHeader());
        Assert.Equal(1, reader.ReadInt32());
        Assert.Equal("A161", Convert.ToHexString(reader.ReadRaw().ToArray()));
        Assert.Equal("03", Convert.ToHexString(reader.ReadRaw(1).ToArray()));
        Assert.True(reader.End);
        Assert.Throws<EndOfStreamException>(() => new MessagePackReader(Array.Empty<byte>()).NextCode);
    }

    [Fact]
    public void StringSpan_InPieces_ReadsNothing()
    {
        var bytes = Convert.FromHexString("a5616263646501");
        var whole = new MessagePackReader(bytes);
        Assert.True(whole.TryReadStringSpan(out var span));
        Assert.Equal("abcde"u8, span);
        Assert.Equal(1, whole.ReadInt32());

        var pieces = new MessagePackReader(Segments.Of(bytes, 3));
        Assert.False(pieces.TryReadStringSpan(out _));
        Assert.Equal("abcde", pieces.ReadString());

        Assert.Throws<EndOfStreamException>(() => new MessagePackReader(Convert.FromHexString("a561")).TryReadStringSpan(out _));
        Assert.False(new MessagePackReader(Convert.FromHexString("c0")).TryReadStringSpan(out _));
    }

    [Fact]
    public void Nil_OptionalValues_AreNull()
    {
        var reader = new MessagePackReader(Convert.FromHexString("c0c0c0c0"));

        Assert.Null(reader.ReadString());
        Assert.Null(reader.ReadBytes());
        Assert.Null(reader.ReadStringSequence());
        Assert.True(reader.TryReadNil());
        Assert.True(reader.End);
        Assert.Equal("text"u8.ToArray(), new MessagePackReader(Convert.FromHexString("a474657874")).ReadBytes()!.Value.ToArray());
    }

    [Theory]
    [InlineData("d7ffee6b280000000000")]
    [InlineData("c703ff000000")]
    [InlineData("c70cff000000007fffffffffffffff")]
    [InlineData("d60500000000")]
    public void Timestamp_Impossible_IsRefused(string hexadecimal) =>
        Assert.Throws<MessagePackSerializationException>(() => new MessagePackReader(Convert.FromHexString(hexadecimal)).ReadDateTime());

    [Fact]
    public void Code_Every_HasItsKind()
    {
        var counts = Enumerable.Range(0, 256).CountBy(code => MessagePackCode.ToMessagePackType((byte)code)).ToDictionary();

        Assert.Equal(
            new Dictionary<MessagePackType, int>
            {
                [MessagePackType.Integer] = 128 + 32 + 8, [MessagePackType.Map] = 18, [MessagePackType.Array] = 18, [MessagePackType.String] = 35,
                [MessagePackType.Nil] = 1, [MessagePackType.Unknown] = 1, [MessagePackType.Boolean] = 2, [MessagePackType.Binary] = 3,
                [MessagePackType.Extension] = 8, [MessagePackType.Float] = 2,
            },
            counts);
    }
}
