using System.Buffers;
using System.Text;

namespace Grpc.Core;

/// <summary>Where the bytes of a message go. A transport overrides what it offers.</summary>
public abstract class SerializationContext
{
    /// <summary>Hands over the whole message.</summary>
    public virtual void Complete(byte[] payload) => throw Unsupported.By(this);

    /// <summary>A buffer to write the message into, followed by <see cref="Complete()"/>.</summary>
    public virtual IBufferWriter<byte> GetBufferWriter() => throw Unsupported.By(this);

    /// <summary>Announces the length in bytes before anything is written, which saves the transport a copy.</summary>
    public virtual void SetPayloadLength(int payloadLength)
    {
    }

    /// <summary>The message is written.</summary>
    public virtual void Complete() => throw Unsupported.By(this);
}

/// <summary>Where the bytes of a message come from. Valid only during the deserializer's call.</summary>
public abstract class DeserializationContext
{
    /// <summary>The length of the message in bytes.</summary>
    public abstract int PayloadLength { get; }

    /// <summary>A copy of the message.</summary>
    public virtual byte[] PayloadAsNewBuffer() => throw Unsupported.By(this);

    /// <summary>The message in the transport's own buffers.</summary>
    public virtual ReadOnlySequence<byte> PayloadAsReadOnlySequence() => throw Unsupported.By(this);
}

/// <summary>How one message type becomes bytes, and bytes a message.</summary>
public class Marshaller<T>
{
    /// <summary>From functions over whole arrays.</summary>
    public Marshaller(Func<T, byte[]> serializer, Func<byte[], T> deserializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        ArgumentNullException.ThrowIfNull(deserializer);
        Serializer = serializer;
        Deserializer = deserializer;
        ContextualSerializer = (value, context) => context.Complete(serializer(value));
        ContextualDeserializer = context => deserializer(context.PayloadAsNewBuffer());
    }

    /// <summary>From functions over the transport's buffers.</summary>
    public Marshaller(Action<T, SerializationContext> serializer, Func<DeserializationContext, T> deserializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        ArgumentNullException.ThrowIfNull(deserializer);
        ContextualSerializer = serializer;
        ContextualDeserializer = deserializer;
        Serializer = value => ArraySerializationContext.Serialize(serializer, value);
        Deserializer = bytes => deserializer(new ArrayDeserializationContext(bytes));
    }

    /// <summary>Message to array.</summary>
    public Func<T, byte[]> Serializer { get; }

    /// <summary>Array to message.</summary>
    public Func<byte[], T> Deserializer { get; }

    /// <summary>Message to the transport's buffer.</summary>
    public Action<T, SerializationContext> ContextualSerializer { get; }

    /// <summary>The transport's buffer to message.</summary>
    public Func<DeserializationContext, T> ContextualDeserializer { get; }
}

/// <summary>Marshallers for common cases.</summary>
public static class Marshallers
{
    /// <summary>UTF-8 text.</summary>
    public static Marshaller<string> StringMarshaller { get; } = new(Encoding.UTF8.GetBytes, Encoding.UTF8.GetString);

    /// <summary>From functions over whole arrays.</summary>
    public static Marshaller<T> Create<T>(Func<T, byte[]> serializer, Func<byte[], T> deserializer) => new(serializer, deserializer);

    /// <summary>From functions over the transport's buffers.</summary>
    public static Marshaller<T> Create<T>(Action<T, SerializationContext> serializer, Func<DeserializationContext, T> deserializer) => new(serializer, deserializer);
}

/// <summary>Lets a marshaller over buffers be called with arrays.</summary>
internal sealed class ArraySerializationContext : SerializationContext
{
    private readonly ArrayBufferWriter<byte> writer = new();
    private byte[]? payload;

    public override void Complete(byte[] payload) => this.payload = payload;

    public override IBufferWriter<byte> GetBufferWriter() => writer;

    public override void Complete() => payload = writer.WrittenSpan.ToArray();

    internal static byte[] Serialize<T>(Action<T, SerializationContext> serializer, T value)
    {
        var context = new ArraySerializationContext();
        serializer(value, context);
        return context.payload ?? throw new InvalidOperationException($"The serializer of {typeof(T)} returned without calling SerializationContext.Complete.");
    }
}

/// <summary>Lets a marshaller over buffers be called with arrays.</summary>
internal sealed class ArrayDeserializationContext(byte[] payload) : DeserializationContext
{
    public override int PayloadLength => payload.Length;

    public override byte[] PayloadAsNewBuffer() => [.. payload];

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(payload);
}

internal static class Unsupported
{
    /// <summary>The contract's optional members throw this unless the transport overrides them.</summary>
    internal static NotSupportedException By(object transport, [System.Runtime.CompilerServices.CallerMemberName] string member = "") =>
        new($"{transport.GetType()} does not support {member}.");
}
