using System.Buffers.Binary;
using System.Numerics;

namespace Diffusion.Snapshots.Files;

/// <summary>CRC-32C (Castagnoli), by the processor's own instruction where it has one.</summary>
public static class Crc32C
{
    /// <summary>Checksum of <paramref name="bytes"/>.</summary>
    /// <param name="bytes">The data.</param>
    /// <param name="previous">Checksum of what came before, to continue it.</param>
    public static uint Compute(ReadOnlySpan<byte> bytes, uint previous = 0)
    {
        uint crc = ~previous;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }
}
