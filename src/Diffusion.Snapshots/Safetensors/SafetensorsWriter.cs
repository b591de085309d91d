using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>Streams tensors, in the order given, into a file that appears whole or not at all.</summary>
/// <remarks>
/// The header is canonical: metadata first with keys in ordinal order, tensors in data order, no white space, padded with spaces so that
/// the data start at a multiple of 8. Equal content therefore means equal bytes.
/// </remarks>
public sealed class SafetensorsWriter : IDisposable
{
    private const int ChunkBytes = 1 << 20;

    private readonly AtomicFile file;
    private readonly IReadOnlyList<TensorSpec> tensors;
    private readonly byte[] header;
    private readonly IncrementalHash dataHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int current;
    private long writtenOfCurrent;

    private SafetensorsWriter(AtomicFile file, IReadOnlyList<TensorSpec> tensors, byte[] header)
    {
        this.file = file;
        this.tensors = tensors;
        this.header = header;
        SkipEmpty();
    }

    /// <summary>Starts a file.</summary>
    /// <param name="path">Final name; its directory exists.</param>
    /// <param name="tensors">Names, types and shapes in data order.</param>
    /// <param name="metadata">Strings for the header. <c>data_sha256</c> and <c>content_id</c> are added.</param>
    /// <exception cref="ArgumentException">Two tensors share a name, a dimension is negative, or the metadata use a reserved key.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public static SafetensorsWriter Create(string path, IReadOnlyList<TensorSpec> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        byte[] header = BuildHeader(tensors, metadata);
        var file = AtomicFile.Create(path, header.Length + tensors.Sum(tensor => tensor.Length));
        try
        {
            file.Append(header);
            return new SafetensorsWriter(file, tensors, header);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Appends stored bytes of the current tensor; the next tensor follows when this one is full.</summary>
    /// <param name="bytes">Little-endian elements; not beyond the end of the current tensor.</param>
    /// <exception cref="InvalidOperationException">More bytes than the current tensor has left.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        long left = current < tensors.Count ? tensors[current].Length - writtenOfCurrent : 0;
        if (bytes.Length > left)
        {
            string where = current < tensors.Count ? $"tensor '{tensors[current].Name}' has room for {left} more" : "all tensors are written";
            throw new InvalidOperationException($"{bytes.Length} bytes were given, but {where}.");
        }

        dataHash.AppendData(bytes);
        file.Append(bytes);
        writtenOfCurrent += bytes.Length;
        SkipEmpty();
    }

    /// <summary>Appends values of the current tensor, converted to its type.</summary>
    /// <param name="values">float32 values; not beyond the end of the current tensor.</param>
    /// <exception cref="InvalidOperationException">More values than the current tensor has left.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public void WriteFloat32(ReadOnlySpan<float> values)
    {
        if (values.IsEmpty)
        {
            return;
        }

        var type = current < tensors.Count
            ? tensors[current].ElementType
            : throw new InvalidOperationException($"{values.Length} values were given, but all tensors are written.");
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            for (int step = ChunkBytes / type.ByteSize(); !values.IsEmpty; values = values[Math.Min(step, values.Length)..])
            {
                var part = values[..Math.Min(step, values.Length)];
                var bytes = buffer.AsSpan(0, part.Length * type.ByteSize());
                FloatConversion.FromFloat32(type, part, bytes);
                Write(bytes);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Appends stored bytes of the current and following tensors that the caller hashes itself, for <see cref="Complete(string)"/>.</summary>
    /// <exception cref="InvalidOperationException">More bytes than all tensors have left.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    internal void WriteUnhashed(ReadOnlySpan<byte> bytes)
    {
        for (var rest = bytes; !rest.IsEmpty;)
        {
            if (current == tensors.Count)
            {
                throw new InvalidOperationException($"{rest.Length} bytes were given, but all tensors are written.");
            }

            int part = (int)Math.Min(rest.Length, tensors[current].Length - writtenOfCurrent);
            writtenOfCurrent += part;
            rest = rest[part..];
            SkipEmpty();
        }

        file.Append(bytes);
    }

    /// <summary>Writes the digests into the header and makes the file durable and visible.</summary>
    /// <exception cref="InvalidOperationException">A tensor is not complete.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public ContentDigest Complete() => Complete(Convert.ToHexStringLower(dataHash.GetHashAndReset()));

    /// <summary><see cref="Complete()"/> for data appended by <see cref="WriteUnhashed"/>, whose SHA-256 is <paramref name="dataSha256"/>.</summary>
    internal ContentDigest Complete(string dataSha256)
    {
        if (current < tensors.Count)
        {
            var tensor = tensors[current];
            throw new InvalidOperationException($"Tensor '{tensor.Name}' has {writtenOfCurrent} of its {tensor.Length} bytes; the file is not complete.");
        }

        Encoding.ASCII.GetBytes(dataSha256, header.AsSpan(ContentDigest.Find(header, ContentDigest.DataKey)));
        int contentIdAt = ContentDigest.Find(header, ContentDigest.ContentKey);
        string contentId = ContentDigest.HashHeader(header, contentIdAt);
        Encoding.ASCII.GetBytes(contentId, header.AsSpan(contentIdAt));
        file.WriteAt(0, header);
        file.Commit();
        return new ContentDigest(dataSha256, contentId);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        file.Dispose();
        dataHash.Dispose();
    }

    private static byte[] BuildHeader(IReadOnlyList<TensorSpec> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var stream = new MemoryStream();
        stream.Write(new byte[SafetensorsHeader.LengthFieldSize]);
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            WriteMetadata(json, metadata);
            WriteTensors(json, tensors);
            json.WriteEndObject();
        }

        while (stream.Length % sizeof(ulong) != 0)
        {
            stream.WriteByte((byte)' ');
        }

        byte[] header = stream.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - SafetensorsHeader.LengthFieldSize);
        return header.Length <= SafetensorsHeader.MaxLength
            ? header
            : throw new ArgumentException($"The header has {header.Length} bytes, readers accept {SafetensorsHeader.MaxLength}. Shorten the metadata.");
    }

    /// <summary>The digests come first: nothing a caller puts into a string can then be mistaken for their place.</summary>
    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject(SafetensorsHeader.MetadataKey);
        json.WriteString(ContentDigest.ContentKey, ContentDigest.Unset);
        json.WriteString(ContentDigest.DataKey, ContentDigest.Unset);
        foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (key is ContentDigest.ContentKey or ContentDigest.DataKey)
            {
                throw new ArgumentException($"The metadata key '{key}' is reserved for the digest the writer computes.", nameof(metadata));
            }

            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    private static void WriteTensors(Utf8JsonWriter json, IReadOnlyList<TensorSpec> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { SafetensorsHeader.MetadataKey };
        long offset = 0;
        foreach (var tensor in tensors)
        {
            if (!names.Add(tensor.Name) || tensor.Shape.Any(size => size < 0))
            {
                throw new ArgumentException($"Tensor '{tensor.Name}' of shape [{string.Join(", ", tensor.Shape)}]: names are unique and dimensions not negative.", nameof(tensors));
            }

            json.WriteStartObject(tensor.Name);
            json.WriteString("dtype", tensor.ElementType.HeaderName());
            WriteNumbers(json, "shape", tensor.Shape);
            WriteNumbers(json, "data_offsets", [offset, checked(offset += tensor.Length)]);
            json.WriteEndObject();
        }
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }

    private void SkipEmpty()
    {
        while (current < tensors.Count && writtenOfCurrent == tensors[current].Length)
        {
            current++;
            writtenOfCurrent = 0;
        }
    }
}
