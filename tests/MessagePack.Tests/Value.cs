using System.Buffers;

namespace MessagePack.Tests;

/// <summary>A tree of values that can be written, read back and compared.</summary>
internal abstract record Value
{
    public static byte[] Bytes(Action<IBufferWriter<byte>> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        write(buffer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Through the writer under test.</summary>
    public byte[] Written() => Bytes(buffer =>
    {
        var writer = new MessagePackWriter(buffer);
        WriteTo(ref writer);
        writer.Flush();
    });

    public abstract void WriteTo(ref MessagePackWriter writer);

    /// <summary>Through the reader under test.</summary>
    public static Value ReadFrom(ref MessagePackReader reader)
    {
        switch (reader.NextMessagePackType)
        {
            case MessagePackType.Nil:
                reader.ReadNil();
                return new Empty();
            case MessagePackType.Boolean:
                return new Truth(reader.ReadBoolean());
            case MessagePackType.Integer:
                return reader.NextCode == MessagePackCode.UInt64 ? new Whole(reader.ReadUInt64()) : new Whole(reader.ReadInt64());
            case MessagePackType.Float:
                return reader.NextCode == MessagePackCode.Float32 ? new Single(reader.ReadSingle()) : new Real(reader.ReadDouble());
            case MessagePackType.String:
                return new Text(reader.ReadString()!);
            case MessagePackType.Binary:
                return new Blob(Convert.ToHexString(reader.ReadBytes()!.Value.ToArray()));
            case MessagePackType.Extension:
                var extension = reader.ReadExtensionFormat();
                return new Extension(extension.TypeCode, Convert.ToHexString(extension.Data.ToArray()));
            case MessagePackType.Array:
                var items = new Value[reader.ReadArrayHeader()];
                for (var index = 0; index < items.Length; index++)
                {
                    items[index] = ReadFrom(ref reader);
                }

                return new List(items);
            case MessagePackType.Map:
                var pairs = new (Value, Value)[reader.ReadMapHeader()];
                for (var index = 0; index < pairs.Length; index++)
                {
                    pairs[index] = (ReadFrom(ref reader), ReadFrom(ref reader));
                }

                return new Table(pairs);
            default:
                throw new InvalidOperationException($"Type {reader.NextMessagePackType} is no value.");
        }
    }

    public sealed record Empty : Value
    {
        public override void WriteTo(ref MessagePackWriter writer) => writer.WriteNil();
    }

    public sealed record Truth(bool Is) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer) => writer.Write(Is);
    }

    public sealed record Whole(Int128 Number) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer)
        {
            if (Number < 0)
            {
                writer.Write((long)Number);
            }
            else
            {
                writer.Write((ulong)Number);
            }
        }
    }

    public sealed record Single(float Number) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer) => writer.Write(Number);
    }

    public sealed record Real(double Number) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer) => writer.Write(Number);
    }

    public sealed record Text(string Characters) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer) => writer.Write(Characters);
    }

    public sealed record Blob(string Hexadecimal) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer) => writer.Write(Convert.FromHexString(Hexadecimal));
    }

    public sealed record Extension(sbyte Code, string Hexadecimal) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer) => writer.WriteExtensionFormat(new ExtensionResult(Code, Convert.FromHexString(Hexadecimal)));
    }

    public sealed record List(Value[] Items) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer)
        {
            writer.WriteArrayHeader(Items.Length);
            foreach (var item in Items)
            {
                item.WriteTo(ref writer);
            }
        }

        public bool Equals(List? other) => other is not null && Items.SequenceEqual(other.Items);

        public override int GetHashCode() => Items.Length;
    }

    public sealed record Table((Value Key, Value Value)[] Pairs) : Value
    {
        public override void WriteTo(ref MessagePackWriter writer)
        {
            writer.WriteMapHeader(Pairs.Length);
            foreach (var (key, value) in Pairs)
            {
                key.WriteTo(ref writer);
                value.WriteTo(ref writer);
            }
        }

        public bool Equals(Table? other) => other is not null && Pairs.SequenceEqual(other.Pairs);

        public override int GetHashCode() => Pairs.Length;
    }
}
