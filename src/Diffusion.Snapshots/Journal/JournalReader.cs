using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Journal;

/// <summary>What a journal holds.</summary>
/// <param name="Records">Payloads in the order they were appended.</param>
/// <param name="ValidLength">Bytes of the file up to the end of the last whole record.</param>
/// <param name="BytesCut">Bytes after it: an append that was interrupted. 0 for a journal that was closed in order.</param>
public sealed record JournalContents(IReadOnlyList<ReadOnlyMemory<byte>> Records, long ValidLength, long BytesCut)
{
    /// <summary>Whether the last append was interrupted.</summary>
    public bool IsTailCut => BytesCut > 0;
}

/// <summary>Reads append-only journals.</summary>
public static class JournalReader
{
    /// <summary>Reads a whole journal. A file that does not exist is an empty journal.</summary>
    /// <param name="path">The journal; it may be open for appending elsewhere.</param>
    /// <exception cref="DamagedFileException">A record is damaged and whole ones follow it, or the file is no journal.</exception>
    public static JournalContents Read(string path)
    {
        if (!File.Exists(path))
        {
            return new JournalContents([], 0, 0);
        }

        byte[] bytes = ReadShared(path);
        var signature = JournalFormat.Signature;
        int common = Math.Min(bytes.Length, signature.Length);
        if (!bytes.AsSpan(0, common).SequenceEqual(signature[..common]))
        {
            throw new DamagedFileException(path, "it does not start as a journal does",
                "Check the path; if this was a journal, restore it from a copy or rebuild what it records.");
        }

        // Shorter than the signature: killed while creating it.
        return common < signature.Length ? new JournalContents([], 0, bytes.Length) : ReadRecords(path, bytes);
    }

    private static JournalContents ReadRecords(string path, byte[] bytes)
    {
        var records = new List<ReadOnlyMemory<byte>>();
        int at = JournalFormat.Signature.Length;
        while (JournalFormat.PayloadLength(bytes.AsSpan(at)) is >= 0 and int length)
        {
            records.Add(bytes.AsMemory(at + JournalFormat.FrameSize, length));
            at += JournalFormat.FrameSize + length;
        }

        int next = JournalFormat.FindRecord(bytes.AsSpan(at));
        return next < 0
            ? new JournalContents(records, at, bytes.Length - at)
            : throw new DamagedFileException(path, $"record {records.Count} at byte {at} is damaged, and a whole record follows at byte {at + next}",
                "This is no interrupted append but changed data: restore the journal from a copy or rebuild what it records.");
    }

    private static byte[] ReadShared(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return read == bytes.Length ? bytes : bytes[..read];
    }
}
