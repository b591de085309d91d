using System.Buffers;
using System.Text;

namespace MessagePack;

/// <summary>Reads values from bytes nobody vouches for.</summary>
/// <remarks>
/// Bytes that end too early are an <see cref="EndOfStreamException"/>, another kind of value than asked for is a
/// <see cref="MessagePackSerializationException"/>, a number that does not fit is an <see cref="OverflowException"/>.
/// A count or length that the rest of the bytes cannot hold is refused before anything is allocated for it.
/// </remarks>
public ref partial struct MessagePackReader
{
    private SequenceReader<byte> reader;

    /// <summary>A reader at the start of <paramref name="memory"/>.</summary>
    public MessagePackReader(ReadOnlyMemory<byte> memory)
        : this(new ReadOnlySequence<byte>(memory))
    {
    }

    /// <summary>A reader at the start of <paramref name="readOnlySequence"/>.</summary>
    public MessagePackReader(scoped in ReadOnlySequence<byte> readOnlySequence) => reader = new SequenceReader<byte>(readOnlySequence);

    /// <summary>For long-running readers to look at; the reader itself does not.</summary>
    public CancellationToken CancellationToken { get; set; }

    /// <summary>How deep a recursive caller has gone. Kept for it, not looked at.</summary>
    public int Depth { get; set; }

    /// <summary>All the bytes.</summary>
    public ReadOnlySequence<byte> Sequence => reader.Sequence;

    /// <summary>Where the next value begins.</summary>
    public SequencePosition Position => reader.Position;

    /// <summary>The number of bytes read.</summary>
    public long Consumed => reader.Consumed;

    /// <summary>Whether every byte is read.</summary>
    public bool End => reader.End;

    /// <summary>Whether the next value is nil.</summary>
    /// <exception cref="EndOfStreamException">There is no next value.</exception>
    public bool IsNil => NextCode == MessagePackCode.Nil;

    /// <summary>The first byte of the next value.</summary>
    /// <exception cref="EndOfStreamException">There is no next value.</exception>
    public byte NextCode => reader.TryPeek(out var code) ? code : throw Truncated();

    /// <summary>The kind of the next value.</summary>
    /// <exception cref="EndOfStreamException">There is no next value.</exception>
    public MessagePackType NextMessagePackType => MessagePackCode.ToMessagePackType(NextCode);

    /// <summary>A second reader at the same place, for looking ahead.</summary>
    public MessagePackReader CreatePeekReader() => this;

    /// <summary>A reader of other bytes with the same settings.</summary>
    public MessagePackReader Clone(scoped in ReadOnlySequence<byte> readOnlySequence) =>
        new(readOnlySequence) { CancellationToken = CancellationToken, Depth = Depth };

    /// <summary>Reads nil.</summary>
    public Nil ReadNil() => TryReadNil() ? Nil.Default : throw Unexpected(NextCode, "nil");

    /// <summary>Reads nil if it is next; else reads nothing.</summary>
    public bool TryReadNil()
    {
        if (NextCode != MessagePackCode.Nil)
        {
            return false;
        }

        reader.Advance(1);
        return true;
    }

    /// <summary>Reads true or false.</summary>
    public bool ReadBoolean()
    {
        var code = ReadCode();
        return code switch
        {
            MessagePackCode.True => true,
            MessagePackCode.False => false,
            _ => throw Unexpected(code, "a boolean"),
        };
    }

    /// <summary>Reads text or nil. Bytes that are not UTF-8 become U+FFFD.</summary>
    public string? ReadString()
    {
        if (TryReadNil())
        {
            return null;
        }

        var bytes = Take(ReadStringLength());
        return Encoding.UTF8.GetString(bytes);
    }

    /// <summary>Reads text as the UTF-8 it is, without a copy; null for nil.</summary>
    public ReadOnlySequence<byte>? ReadStringSequence() => TryReadNil() ? null : Take(ReadStringLength());

    /// <summary>Reads text as the UTF-8 it is when it lies in one piece. False, and nothing read, for nil or text in pieces.</summary>
    public bool TryReadStringSpan(out ReadOnlySpan<byte> span)
    {
        span = default;
        if (IsNil)
        {
            return false;
        }

        var start = this;
        var length = ReadStringLength();
        if (reader.Remaining < length)
        {
            throw Truncated();
        }

        if (reader.UnreadSpan.Length < length)
        {
            this = start;
            return false;
        }

        span = reader.UnreadSpan[..(int)length];
        reader.Advance(length);
        return true;
    }

    /// <summary>Reads bytes without a copy; null for nil. Text counts as bytes, as old encoders wrote them.</summary>
    public ReadOnlySequence<byte>? ReadBytes()
    {
        if (TryReadNil())
        {
            return null;
        }

        if (NextMessagePackType == MessagePackType.String)
        {
            return Take(ReadStringLength());
        }

        var code = ReadCode();
        return Take(code switch
        {
            MessagePackCode.Bin8 => ReadBigEndian8(),
            MessagePackCode.Bin16 => ReadBigEndian16(),
            MessagePackCode.Bin32 => ReadBigEndian32(),
            _ => throw Unexpected(code, "bytes"),
        });
    }

    /// <summary>Begins an array.</summary>
    /// <returns>The number of values that follow.</returns>
    public int ReadArrayHeader()
    {
        var code = ReadCode();
        return CheckedCount(
            code switch
            {
                >= MessagePackCode.MinFixArray and <= MessagePackCode.MaxFixArray => (uint)code & 15,
                MessagePackCode.Array16 => ReadBigEndian16(),
                MessagePackCode.Array32 => ReadBigEndian32(),
                _ => throw Unexpected(code, "an array"),
            },
            bytesEach: 1);
    }

    /// <summary>Begins a map.</summary>
    /// <returns>The number of pairs that follow.</returns>
    public int ReadMapHeader()
    {
        var code = ReadCode();
        return CheckedCount(
            code switch
            {
                >= MessagePackCode.MinFixMap and <= MessagePackCode.MaxFixMap => (uint)code & 15,
                MessagePackCode.Map16 => ReadBigEndian16(),
                MessagePackCode.Map32 => ReadBigEndian32(),
                _ => throw Unexpected(code, "a map"),
            },
            bytesEach: 2);
    }

    /// <summary>Copies nothing, checks nothing: the next <paramref name="length"/> bytes.</summary>
    public ReadOnlySequence<byte> ReadRaw(long length) => Take(length);

    /// <summary>The bytes of the next value with all it holds.</summary>
    public ReadOnlySequence<byte> ReadRaw()
    {
        var start = reader.Position;
        Skip();
        return reader.Sequence.Slice(start, reader.Position);
    }

    /// <summary>Skips the next value with all it holds. Depth costs no stack.</summary>
    public void Skip()
    {
        for (long pending = 1; pending > 0; pending--)
        {
            switch (NextMessagePackType)
            {
                case MessagePackType.Nil or MessagePackType.Boolean: reader.Advance(1); break;
                case MessagePackType.Integer: ReadInteger(); break;
                case MessagePackType.Float: ReadDouble(); break;
                case MessagePackType.String or MessagePackType.Binary: ReadBytes(); break;
                case MessagePackType.Array: pending += ReadArrayHeader(); break;
                case MessagePackType.Map: pending += 2L * ReadMapHeader(); break;
                case MessagePackType.Extension: ReadExtensionFormat(); break;
                default: throw Unexpected(NextCode, "a value");
            }
        }
    }

    private long ReadStringLength()
    {
        var code = ReadCode();
        return code switch
        {
            >= MessagePackCode.MinFixStr and <= MessagePackCode.MaxFixStr => code & 31,
            MessagePackCode.Str8 => ReadBigEndian8(),
            MessagePackCode.Str16 => ReadBigEndian16(),
            MessagePackCode.Str32 => ReadBigEndian32(),
            _ => throw Unexpected(code, "a string"),
        };
    }

    /// <summary>Each element takes a byte at least: a larger count is a lie and must not size an allocation.</summary>
    private readonly int CheckedCount(uint count, int bytesEach) =>
        (long)count * bytesEach <= reader.Remaining ? (int)count : throw Truncated();

    private ReadOnlySequence<byte> Take(long length)
    {
        if (reader.Remaining < length)
        {
            throw Truncated();
        }

        var taken = reader.UnreadSequence.Slice(0, length);
        reader.Advance(length);
        return taken;
    }

    private static EndOfStreamException Truncated() => new("The bytes end before the value does.");

    private static MessagePackSerializationException Unexpected(byte code, string expected) =>
        new($"Code 0x{code:x2} ({MessagePackCode.ToMessagePackType(code)}) cannot be read as {expected}.");
}
