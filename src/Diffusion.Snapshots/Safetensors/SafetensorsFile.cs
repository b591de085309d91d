using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Diffusion.Snapshots.Files;
using Microsoft.Win32.SafeHandles;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>An open safetensors file. The header is checked on opening; the data when <see cref="Verify(CancellationToken)"/> is called.</summary>
/// <remarks>
/// <see cref="Bytes"/> maps the file into memory on first use. <see cref="Read"/> does not: it keeps the resident set as small as the
/// caller's buffer, whatever the file's size. Both may be called from many threads; <see cref="Dispose"/> ends the life of every span.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    private const int ChunkBytes = 1 << 20;

    private readonly SafeFileHandle handle;
    private readonly byte[] prefixAndHeader;
    private readonly Dictionary<string, TensorEntry> byName;
    private readonly Lazy<MappedBytes> mapped;

    private SafetensorsFile(string path, SafeFileHandle handle, byte[] prefixAndHeader, SafetensorsHeader header)
    {
        Path = path;
        this.handle = handle;
        this.prefixAndHeader = prefixAndHeader;
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        FileLength = RandomAccess.GetLength(handle);
        byName = header.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        mapped = new Lazy<MappedBytes>(() => new MappedBytes(path, FileLength));
    }

    /// <summary>The file's name.</summary>
    public string Path { get; }

    /// <summary>Bytes of the whole file.</summary>
    public long FileLength { get; }

    /// <summary>Bytes of all tensors together.</summary>
    internal long DataLength => FileLength - prefixAndHeader.Length;

    /// <summary>Strings of the header's <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Tensors in the order of their bytes.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>The digest recorded in the file, or null for a file of another program.</summary>
    public ContentDigest? RecordedDigest
        => Metadata.TryGetValue(ContentDigest.DataKey, out string? data) && Metadata.TryGetValue(ContentDigest.ContentKey, out string? id)
            ? new ContentDigest(data, id)
            : null;

    /// <summary>Opens a file and checks its header: sizes, bounds, overlaps, holes, element types, names.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="DamagedFileException">The header contradicts itself or the file's size.</exception>
    public static SafetensorsFile Open(string path)
    {
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
        try
        {
            byte[] prefixAndHeader = ReadPrefixAndHeader(path, handle, out long fileLength);
            var header = SafetensorsHeader.Parse(path, prefixAndHeader.AsSpan(SafetensorsHeader.LengthFieldSize), fileLength);
            return new SafetensorsFile(path, handle, prefixAndHeader, header);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The entry of a tensor.</summary>
    /// <exception cref="KeyNotFoundException">The file has no such tensor.</exception>
    public TensorEntry Entry(string name) => byName.TryGetValue(name, out var entry)
        ? entry
        : throw new KeyNotFoundException($"'{Path}' has no tensor '{name}'. It has {Tensors.Count}, the first is '{(Tensors.Count > 0 ? Tensors[0].Name : "")}'.");

    /// <summary>Whether the file has a tensor of this name.</summary>
    public bool TryGetEntry(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TensorEntry? entry) => byName.TryGetValue(name, out entry);

    /// <summary>The stored bytes of a tensor, mapped, not copied; valid until this file is disposed.</summary>
    /// <exception cref="ArgumentException">The tensor has 2 GB or more; use <see cref="Read"/>.</exception>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        var entry = Entry(name);
        if (entry.Length > Array.MaxLength)
        {
            throw new ArgumentException($"Tensor '{name}' has {entry.Length} bytes, more than one span holds. Read it in pieces with Read.", nameof(name));
        }

        return entry.Length == 0 ? [] : mapped.Value.Slice(entry.Offset, (int)entry.Length);
    }

    /// <summary>Fills <paramref name="destination"/> with a tensor's stored bytes from <paramref name="offset"/> on, without mapping the file.</summary>
    /// <param name="entry">One of <see cref="Tensors"/>.</param>
    /// <param name="offset">Bytes from the start of the tensor.</param>
    /// <param name="destination">Not longer than what is left of the tensor.</param>
    /// <exception cref="DamagedFileException">The file became shorter since it was opened.</exception>
    public void Read(TensorEntry entry, long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, entry.Length - destination.Length);
        ReadFully(Path, handle, entry.Offset + offset, destination);
    }

    /// <summary>A tensor's values, converted from F16, BF16 or F64 where needed.</summary>
    /// <exception cref="ArgumentException">The tensor is no float, or has more elements than an array holds.</exception>
    public float[] Float32(string name)
    {
        var entry = Entry(name);
        if (entry.Count > Array.MaxLength)
        {
            throw new ArgumentException($"Tensor '{name}' has {entry.Count} elements, more than one array holds. Read it in pieces with ReadFloat32.", nameof(name));
        }

        var values = new float[entry.Count];
        ReadFloat32(entry, 0, values);
        return values;
    }

    /// <summary>Fills <paramref name="destination"/> with a tensor's values from element <paramref name="first"/> on.</summary>
    /// <param name="entry">One of <see cref="Tensors"/>, of type F16, BF16, F32 or F64.</param>
    /// <param name="first">First element.</param>
    /// <param name="destination">Not longer than what is left of the tensor.</param>
    /// <exception cref="ArgumentException">The tensor is no float.</exception>
    /// <exception cref="DamagedFileException">The file became shorter since it was opened.</exception>
    public void ReadFloat32(TensorEntry entry, long first, Span<float> destination)
    {
        int size = entry.ElementType.ByteSize();
        if (entry.ElementType == ElementType.Float32)
        {
            Read(entry, first * size, MemoryMarshal.AsBytes(destination));
            return;
        }

        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(ChunkBytes, Math.Max(1, (long)destination.Length * size)));
        try
        {
            while (!destination.IsEmpty)
            {
                int count = Math.Min(destination.Length, buffer.Length / size);
                var bytes = buffer.AsSpan(0, count * size);
                Read(entry, first * size, bytes);
                FloatConversion.ToFloat32(entry.ElementType, bytes, destination[..count]);
                destination = destination[count..];
                first += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads everything and compares it with the digests in the header.</summary>
    /// <returns>The digest, now known to be true.</returns>
    /// <exception cref="DamagedFileException">A byte differs, or the file carries no digest.</exception>
    public ContentDigest Verify(CancellationToken cancellationToken = default)
    {
        Verify([this], cancellationToken);
        return RecordedDigest!;
    }

    /// <summary>Verifies at most <see cref="ParallelSha256.Lanes"/> files, all of the same <see cref="DataLength"/>, in one pass.</summary>
    /// <exception cref="DamagedFileException">The first that differs, or carries no digest.</exception>
    internal static void Verify(IReadOnlyList<SafetensorsFile> files, CancellationToken cancellationToken)
    {
        foreach (var file in files)
        {
            file.VerifyHeader();
        }

        foreach (var (file, found) in files.Zip(HashData(files, cancellationToken)))
        {
            if (found != file.RecordedDigest!.DataSha256)
            {
                throw ContentDigest.Mismatch(file.Path, "data", file.RecordedDigest.DataSha256, found);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (mapped.IsValueCreated)
        {
            mapped.Value.Dispose();
        }

        handle.Dispose();
    }

    private static byte[] ReadPrefixAndHeader(string path, SafeFileHandle handle, out long fileLength)
    {
        fileLength = RandomAccess.GetLength(handle);
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.LengthFieldSize];
        if (fileLength < prefix.Length)
        {
            throw new DamagedFileException(path, $"it has {fileLength} bytes, too few for a safetensors file", "Fetch the file again or write it anew.");
        }

        ReadFully(path, handle, 0, prefix);
        int headerLength = SafetensorsHeader.CheckLength(path, BinaryPrimitives.ReadUInt64LittleEndian(prefix), fileLength);
        var all = new byte[prefix.Length + headerLength];
        ReadFully(path, handle, 0, all);
        return all;
    }

    private static void ReadFully(string path, SafeFileHandle handle, long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(handle, destination, offset);
            if (read == 0)
            {
                throw new DamagedFileException(path, $"it ends at byte {offset}", "It was cut while being read; fetch or write it again.");
            }

            destination = destination[read..];
            offset += read;
        }
    }

    private static string[] HashData(IReadOnlyList<SafetensorsFile> files, CancellationToken cancellationToken)
    {
        using var hash = new ParallelSha256(files.Count);
        int chunk = ChunkBytes / files.Count;
        byte[][] buffers = [.. files.Select(_ => ArrayPool<byte>.Shared.Rent(chunk))];
        try
        {
            for (long at = 0; at < files[0].DataLength; at += chunk)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int bytes = (int)Math.Min(chunk, files[0].DataLength - at);
                for (int i = 0; i < files.Count; i++)
                {
                    ReadFully(files[i].Path, files[i].handle, files[i].prefixAndHeader.Length + at, buffers[i].AsSpan(0, bytes));
                }

                hash.Append(buffers, bytes);
            }

            return hash.Finish();
        }
        finally
        {
            Array.ForEach(buffers, buffer => ArrayPool<byte>.Shared.Return(buffer));
        }
    }

    private void VerifyHeader()
    {
        var recorded = RecordedDigest
            ?? throw new DamagedFileException(Path, "it carries no digest", "It was not written by this program; it can be read, not verified.");
        int contentIdAt = ContentDigest.Find(prefixAndHeader, ContentDigest.ContentKey);
        string contentId = contentIdAt < 0 ? ContentDigest.Unset : ContentDigest.HashHeader(prefixAndHeader, contentIdAt);
        if (contentId != recorded.ContentId)
        {
            throw ContentDigest.Mismatch(Path, "header", recorded.ContentId, contentId);
        }
    }
}
