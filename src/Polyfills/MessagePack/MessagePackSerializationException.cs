namespace MessagePack;

/// <summary>The bytes are not what was to be read. Bytes that end too early are an <see cref="EndOfStreamException"/> instead.</summary>
public class MessagePackSerializationException : Exception
{
    /// <summary>Without a message.</summary>
    public MessagePackSerializationException()
    {
    }

    /// <summary>With a message.</summary>
    public MessagePackSerializationException(string? message)
        : base(message)
    {
    }

    /// <summary>With a message and a cause.</summary>
    public MessagePackSerializationException(string? message, Exception? inner)
        : base(message, inner)
    {
    }
}
