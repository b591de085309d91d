using System.Buffers.Binary;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Journal;

/// <summary>
/// Framing: an 8-byte signature, then records of marker, length, CRC-32C of length and payload, payload. The marker lets a reader tell
/// a cut tail (nothing whole follows) from damage in the middle (something whole does).
/// </summary>
internal static class JournalFormat
{
    public const int MaxPayload = 64 << 20;
    public const int FrameSize = 12;
    private const uint Marker = 0xA7D1_5C0E;

    public static ReadOnlySpan<byte> Signature => "DDJRNL01"u8;

    public static byte[] Frame(ReadOnlySpan<byte> payload)
    {
        var record = new byte[FrameSize + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(record, Marker);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(4), payload.Length);
        payload.CopyTo(record.AsSpan(FrameSize));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), Checksum(record));
        return record;
    }

    /// <summary>Length of the whole record's payload at the start of <paramref name="bytes"/>, or −1 when there is none.</summary>
    public static int PayloadLength(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < FrameSize || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Marker)
        {
            return -1;
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
        return length >= 0 && length <= bytes.Length - FrameSize
            && Checksum(bytes[..(FrameSize + length)]) == BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..])
            ? length
            : -1;
    }

    /// <summary>Where the first whole record lies in <paramref name="bytes"/>, or −1.</summary>
    public static int FindRecord(ReadOnlySpan<byte> bytes)
    {
        Span<byte> marker = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(marker, Marker);
        for (int from = 0; bytes[from..].IndexOf(marker) is >= 0 and int found; from++)
        {
            from += found;
            if (PayloadLength(bytes[from..]) >= 0)
            {
                return from;
            }
        }

        return -1;
    }

    private static uint Checksum(ReadOnlySpan<byte> record) => Crc32C.Compute(record[FrameSize..], Crc32C.Compute(record.Slice(4, 4)));
}
