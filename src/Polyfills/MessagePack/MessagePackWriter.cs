using System.Buffers;
using System.Text;

namespace MessagePack;

/// <summary>Writes values, each in its shortest form. Call <see cref="Flush"/> at the end: until then the last bytes are not the buffer's.</summary>
/// <remarks>The format is specified at https://github.com/msgpack/msgpack/blob/master/spec.md.</remarks>
public ref partial struct MessagePackWriter
{
    private readonly IBufferWriter<byte> writer;
    private Span<byte> span;
    private int used;

    /// <summary>A writer at the end of <paramref name="writer"/>.</summary>
    public MessagePackWriter(IBufferWriter<byte> writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        this.writer = writer;
    }

    /// <summary>For long-running writers to look at; the writer itself does not.</summary>
    public CancellationToken CancellationToken { get; set; }

    /// <summary>A writer into another buffer with the same settings.</summary>
    public MessagePackWriter Clone(IBufferWriter<byte> writer) => new(writer) { CancellationToken = CancellationToken };

    /// <summary>Hands everything written to the buffer.</summary>
    public void Flush()
    {
        writer.Advance(used);
        span = default;
        used = 0;
    }

    /// <summary>Room for at least <paramref name="length"/> bytes of the caller's own; follow with <see cref="Advance"/>.</summary>
    public Span<byte> GetSpan(int length)
    {
        if (span.Length - used < length)
        {
            Flush();
            span = writer.GetSpan(length);
        }

        return span[used..];
    }

    /// <summary>Counts bytes put into <see cref="GetSpan"/> as written.</summary>
    public void Advance(int length) => used += length;

    /// <summary>Writes nil.</summary>
    public void WriteNil() => WriteCode(MessagePackCode.Nil);

    /// <summary>Writes true or false.</summary>
    public void Write(bool value) => WriteCode(value ? MessagePackCode.True : MessagePackCode.False);

    /// <summary>Copies bytes that are MessagePack already.</summary>
    public void WriteRaw(ReadOnlySpan<byte> rawMessagePackBlock) => CopyBytes(rawMessagePackBlock);

    /// <summary>Copies bytes that are MessagePack already.</summary>
    public void WriteRaw(in ReadOnlySequence<byte> rawMessagePackBlock)
    {
        foreach (var segment in rawMessagePackBlock)
        {
            CopyBytes(segment.Span);
        }
    }

    /// <summary>Begins an array; <paramref name="count"/> values follow.</summary>
    /// <exception cref="OverflowException"><paramref name="count"/> is negative.</exception>
    public void WriteArrayHeader(int count) => WriteArrayHeader(checked((uint)count));

    /// <summary>Begins an array; <paramref name="count"/> values follow.</summary>
    public void WriteArrayHeader(uint count) => WriteHeader(count, MessagePackCode.MinFixArray, 15, MessagePackCode.Array16, MessagePackCode.Array32);

    /// <summary>Begins a map; <paramref name="count"/> pairs follow.</summary>
    /// <exception cref="OverflowException"><paramref name="count"/> is negative.</exception>
    public void WriteMapHeader(int count) => WriteMapHeader(checked((uint)count));

    /// <summary>Begins a map; <paramref name="count"/> pairs follow.</summary>
    public void WriteMapHeader(uint count) => WriteHeader(count, MessagePackCode.MinFixMap, 15, MessagePackCode.Map16, MessagePackCode.Map32);

    /// <summary>Writes bytes, or nil for null.</summary>
    public void Write(byte[]? src)
    {
        if (src is null)
        {
            WriteNil();
        }
        else
        {
            Write(src.AsSpan());
        }
    }

    /// <summary>Writes bytes.</summary>
    public void Write(scoped ReadOnlySpan<byte> src)
    {
        WriteBinHeader(src.Length);
        CopyBytes(src);
    }

    /// <summary>Writes bytes.</summary>
    public void Write(in ReadOnlySequence<byte> src)
    {
        WriteBinHeader(checked((int)src.Length));
        WriteRaw(src);
    }

    /// <summary>Begins bytes; <paramref name="length"/> of them follow through <see cref="WriteRaw(ReadOnlySpan{byte})"/> or <see cref="GetSpan"/>.</summary>
    public void WriteBinHeader(int length) => WriteHeader(checked((uint)length), MessagePackCode.Bin8, MessagePackCode.Bin16, MessagePackCode.Bin32);

    /// <summary>Writes text, or nil for null.</summary>
    public void Write(string? value)
    {
        if (value is null)
        {
            WriteNil();
        }
        else
        {
            Write(value.AsSpan());
        }
    }

    /// <summary>Writes text. A surrogate without its partner becomes U+FFFD.</summary>
    public void Write(scoped ReadOnlySpan<char> value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        WriteStringHeader(length);
        Advance(Encoding.UTF8.GetBytes(value, GetSpan(length)));
    }

    /// <summary>Writes text that is UTF-8 already.</summary>
    public void WriteString(ReadOnlySpan<byte> utf8stringBytes)
    {
        WriteStringHeader(utf8stringBytes.Length);
        CopyBytes(utf8stringBytes);
    }

    /// <summary>Writes text that is UTF-8 already.</summary>
    public void WriteString(in ReadOnlySequence<byte> utf8stringBytes)
    {
        WriteStringHeader(checked((int)utf8stringBytes.Length));
        WriteRaw(utf8stringBytes);
    }

    /// <summary>Begins text; <paramref name="byteCount"/> bytes of UTF-8 follow.</summary>
    public void WriteStringHeader(int byteCount)
    {
        if (byteCount is >= 0 and <= 31)
        {
            WriteCode((byte)(MessagePackCode.MinFixStr | byteCount));
        }
        else
        {
            WriteHeader(checked((uint)byteCount), MessagePackCode.Str8, MessagePackCode.Str16, MessagePackCode.Str32);
        }
    }

    private void CopyBytes(scoped ReadOnlySpan<byte> bytes)
    {
        if (span.Length - used >= bytes.Length)
        {
            bytes.CopyTo(span[used..]);
            used += bytes.Length;
            return;
        }

        Flush();
        writer.Write(bytes);
    }
}
