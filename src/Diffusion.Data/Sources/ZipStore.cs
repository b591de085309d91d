using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Diffusion.Data;

/// <summary>
/// Files of a ZIP. Only its directory is read at first; afterwards every file by its offset, from any thread,
/// which the framework's archive type does not allow.
/// </summary>
internal sealed class ZipStore : IFileStore
{
    private const int EndRecordBytes = 22;
    private const int LargestComment = 65535;
    private const long LargestFile = 1L << 30;
    private readonly SafeFileHandle file;
    private readonly long fileBytes;
    private readonly Dictionary<string, Entry> entries = new(StringComparer.Ordinal);

    public ZipStore(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        file = File.OpenHandle(Path);
        fileBytes = RandomAccess.GetLength(file);
        try
        {
            ReadDirectory();
        }
        catch
        {
            file.Dispose();
            throw;
        }

        string[] names = [.. entries.Keys];
        Array.Sort(names, CodePointOrder.Instance);
        Names = names;
    }

    public string Path { get; }

    public IReadOnlyList<string> Names { get; }

    public byte[] Read(string name)
    {
        Entry entry = entries[name];
        byte[] local = Bytes(entry.Offset, 30, name);
        if (BinaryPrimitives.ReadUInt32LittleEndian(local) != 0x04034b50)
        {
            throw Damaged($"entry {name} does not start where the directory says");
        }

        int skip = 30 + BinaryPrimitives.ReadUInt16LittleEndian(local.AsSpan(26)) + BinaryPrimitives.ReadUInt16LittleEndian(local.AsSpan(28));
        byte[] content = Bytes(entry.Offset + skip, entry.CompressedBytes, name);
        if (entry.Method == 8)
        {
            content = Inflate(content, entry, name);
        }

        return content.Length == entry.Bytes && Crc32.Of(content) == entry.Crc
            ? content
            : throw Damaged($"entry {name} does not have the content its checksum was made of");
    }

    public void Dispose() => file.Dispose();

    private byte[] Inflate(byte[] compressed, Entry entry, string name)
    {
        byte[] content = new byte[entry.Bytes];
        try
        {
            using var stream = new DeflateStream(new MemoryStream(compressed), CompressionMode.Decompress);
            stream.ReadExactly(content);
            return content;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw Damaged($"entry {name} does not decompress", e);
        }
    }

    private void ReadDirectory()
    {
        (long count, long bytes, long offset) = FindDirectory();
        if (bytes > int.MaxValue || offset + bytes > fileBytes)
        {
            throw Damaged($"its directory of {bytes} bytes at {offset} lies outside the file of {fileBytes}");
        }

        ReadOnlySpan<byte> rest = Bytes(offset, bytes, "directory");
        for (long i = 0; i < count; i++)
        {
            if (rest.Length < 46 || BinaryPrimitives.ReadUInt32LittleEndian(rest) != 0x02014b50)
            {
                throw Damaged($"its directory ends after {i} of {count} entries");
            }

            int nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(rest[28..]);
            int extraBytes = BinaryPrimitives.ReadUInt16LittleEndian(rest[30..]);
            int total = 46 + nameBytes + extraBytes + BinaryPrimitives.ReadUInt16LittleEndian(rest[32..]);
            if (total > rest.Length)
            {
                throw Damaged($"its directory ends inside entry {i}");
            }

            string name = Encoding.UTF8.GetString(rest.Slice(46, nameBytes)).Replace('\\', '/');
            Add(name, Parse(rest, rest.Slice(46 + nameBytes, extraBytes)), BinaryPrimitives.ReadUInt16LittleEndian(rest[8..]));
            rest = rest[total..];
        }
    }

    private void Add(string name, Entry entry, int flags)
    {
        if (name.EndsWith('/'))
        {
            return;
        }

        // Names are never used as paths here, but they may end up as paths of what is written from them.
        if (name.StartsWith('/') || name.Contains('\0') || name.Split('/').Any(part => part is ".." or "." or ""))
        {
            throw new DatasetException($"{Path} has an entry named '{name}', which points outside the archive. Do not trust this file; pack it again from its images.");
        }

        if ((flags & 1) != 0 || entry.Method is not (0 or 8))
        {
            throw new DatasetException($"Entry {name} of {Path} is encrypted or compressed by method {entry.Method}; only stored and deflated entries can be read. Pack it again with zip -0.");
        }

        if (entry.Bytes > LargestFile || entry.CompressedBytes > LargestFile)
        {
            throw new DatasetException($"Entry {name} of {Path} claims {entry.Bytes} bytes; at most {LargestFile} are read. The file is damaged or no data set.");
        }

        if (!entries.TryAdd(name, entry))
        {
            throw Damaged($"entry {name} occurs twice");
        }
    }

    private Entry Parse(ReadOnlySpan<byte> record, ReadOnlySpan<byte> extra)
    {
        long compressed = BinaryPrimitives.ReadUInt32LittleEndian(record[20..]);
        long bytes = BinaryPrimitives.ReadUInt32LittleEndian(record[24..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(record[42..]);
        while (extra.Length >= 4)
        {
            int id = BinaryPrimitives.ReadUInt16LittleEndian(extra);
            int length = Math.Min(BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]), extra.Length - 4);
            ReadOnlySpan<byte> wide = extra.Slice(4, length);
            if (id == 1)
            {
                bytes = Widen(ref wide, bytes);
                compressed = Widen(ref wide, compressed);
                offset = Widen(ref wide, offset);
            }

            extra = extra[(4 + length)..];
        }

        return bytes >= 0 && compressed >= 0 && offset >= 0
            ? new Entry(BinaryPrimitives.ReadUInt16LittleEndian(record[10..]), BinaryPrimitives.ReadUInt32LittleEndian(record[16..]), compressed, bytes, offset)
            : throw Damaged("an entry has a negative size");
    }

    private static long Widen(ref ReadOnlySpan<byte> wide, long value)
    {
        if (value != uint.MaxValue || wide.Length < 8)
        {
            return value;
        }

        value = BinaryPrimitives.ReadInt64LittleEndian(wide);
        wide = wide[8..];
        return value;
    }

    private (long Count, long Bytes, long Offset) FindDirectory()
    {
        int tailBytes = (int)Math.Min(fileBytes, EndRecordBytes + LargestComment);
        byte[] tail = Bytes(fileBytes - tailBytes, tailBytes, "end");
        int end = tail.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        if (end < 0 || tailBytes - end < EndRecordBytes)
        {
            throw Damaged("there is no directory at its end");
        }

        ReadOnlySpan<byte> record = tail.AsSpan(end);
        long count = BinaryPrimitives.ReadUInt16LittleEndian(record[10..]);
        long bytes = BinaryPrimitives.ReadUInt32LittleEndian(record[12..]);
        long offset = BinaryPrimitives.ReadUInt32LittleEndian(record[16..]);
        long locator = fileBytes - tailBytes + end - 20;
        if ((count != ushort.MaxValue && bytes != uint.MaxValue && offset != uint.MaxValue) || locator < 0)
        {
            return (count, bytes, offset);
        }

        // ZIP64: a locator before the end record tells where the wide one is.
        byte[] found = Bytes(locator, 20, "end");
        if (BinaryPrimitives.ReadUInt32LittleEndian(found) != 0x07064b50)
        {
            return (count, bytes, offset);
        }

        byte[] wide = Bytes(BinaryPrimitives.ReadInt64LittleEndian(found.AsSpan(8)), 56, "end");
        count = BinaryPrimitives.ReadInt64LittleEndian(wide.AsSpan(32));
        bytes = BinaryPrimitives.ReadInt64LittleEndian(wide.AsSpan(40));
        offset = BinaryPrimitives.ReadInt64LittleEndian(wide.AsSpan(48));
        return BinaryPrimitives.ReadUInt32LittleEndian(wide) == 0x06064b50 && count >= 0 && bytes >= 0 && offset >= 0
            ? (count, bytes, offset)
            : throw Damaged("its directory is damaged");
    }

    private byte[] Bytes(long offset, long count, string what)
    {
        if (offset < 0 || count < 0 || offset > fileBytes - count)
        {
            throw Damaged($"{what} lies outside the file of {fileBytes} bytes");
        }

        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)count);
        int read = 0;
        while (read < bytes.Length)
        {
            int got = RandomAccess.Read(file, bytes.AsSpan(read), offset + read);
            read += got > 0 ? got : throw Damaged($"it ended while {what} was read");
        }

        return bytes;
    }

    private DatasetException Damaged(string how, Exception? cause = null) =>
        new($"{Path} is a damaged or truncated ZIP: {how}. Copy or download it again.", cause!);

    private readonly record struct Entry(int Method, uint Crc, long CompressedBytes, long Bytes, long Offset);
}
