using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Diffusion.Native;

/// <summary>64-bit digest of a buffer, for telling whether two ranks hold the same bits. Not against forgery.</summary>
/// <remarks>
/// XXH64 (the published algorithm) of every block of 2^20 bytes, seeded with the block's number; then XXH64 over those values in little-endian order, seeded with the
/// length in bytes. Blocks are independent, so the value is the same for any number of threads, in C++ and in C#.
/// </remarks>
public static class ContentDigest
{
    private const int BlockBytes = 1 << 20;
    private const ulong P1 = 11400714785074694791;
    private const ulong P2 = 14029467366897019727;
    private const ulong P3 = 1609587929392839161;
    private const ulong P4 = 9650029242287828579;
    private const ulong P5 = 2870177450012600261;

    /// <summary>Digest of raw memory.</summary>
    /// <param name="address">First byte.</param>
    /// <param name="bytes">Number of bytes.</param>
    /// <param name="threads">Number of threads; changes the speed, never the value.</param>
    public static ulong Compute(nint address, long bytes, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        return NativeKernels.IsAvailable ? NativeKernels.Digest(address, bytes, threads) : ComputeManaged(address, bytes);
    }

    /// <summary>Digest of a span.</summary>
    /// <param name="bytes">What to digest.</param>
    public static unsafe ulong Compute(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* first = bytes)
        {
            return Compute((nint)first, bytes.Length, threads: 1);
        }
    }

    internal static unsafe ulong ComputeManaged(nint address, long bytes)
    {
        var digests = new List<byte>();
        Span<byte> digest = stackalloc byte[8];
        for (long from = 0; from < bytes; from += BlockBytes)
        {
            var block = new ReadOnlySpan<byte>((byte*)address + from, (int)Math.Min(BlockBytes, bytes - from));
            BinaryPrimitives.WriteUInt64LittleEndian(digest, Xxh64(block, (ulong)(from / BlockBytes)));
            digests.AddRange(digest);
        }

        return Xxh64(CollectionsMarshal.AsSpan(digests), (ulong)bytes);
    }

    internal static ulong Xxh64(ReadOnlySpan<byte> data, ulong seed)
    {
        unchecked
        {
            ulong hash = seed + P5;
            int length = data.Length;
            if (length >= 32)
            {
                ulong a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
                for (; data.Length >= 32; data = data[32..])
                {
                    a = Round(a, Word(data));
                    b = Round(b, Word(data[8..]));
                    c = Round(c, Word(data[16..]));
                    d = Round(d, Word(data[24..]));
                }

                hash = BitOperations.RotateLeft(a, 1) + BitOperations.RotateLeft(b, 7) + BitOperations.RotateLeft(c, 12) + BitOperations.RotateLeft(d, 18);
                hash = Merge(Merge(Merge(Merge(hash, a), b), c), d);
            }

            hash += (ulong)length;
            for (; data.Length >= 8; data = data[8..])
            {
                hash = (BitOperations.RotateLeft(hash ^ Round(0, Word(data)), 27) * P1) + P4;
            }

            if (data.Length >= 4)
            {
                hash = (BitOperations.RotateLeft(hash ^ (BinaryPrimitives.ReadUInt32LittleEndian(data) * P1), 23) * P2) + P3;
                data = data[4..];
            }

            foreach (byte value in data)
            {
                hash = BitOperations.RotateLeft(hash ^ (value * P5), 11) * P1;
            }

            hash = (hash ^ (hash >> 33)) * P2;
            hash = (hash ^ (hash >> 29)) * P3;
            return hash ^ (hash >> 32);
        }
    }

    private static ulong Word(ReadOnlySpan<byte> data) => BinaryPrimitives.ReadUInt64LittleEndian(data);

    private static ulong Round(ulong accumulator, ulong word) => unchecked(BitOperations.RotateLeft(accumulator + (word * P2), 31) * P1);

    private static ulong Merge(ulong hash, ulong accumulator) => unchecked(((hash ^ Round(0, accumulator)) * P1) + P4);
}
