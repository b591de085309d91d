using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>
/// SHA-256 of up to eight streams of the same length at once, one in each lane of the vectors. One stream is a chain that a processor
/// without instructions for it follows at 0.4 GB/s; eight side by side take little longer than one.
/// </summary>
/// <remarks>FIPS 180-4, Section 6.2. Where there are no 256-bit vectors, or too few streams to pay, each has an ordinary hash.</remarks>
internal sealed class ParallelSha256 : IDisposable
{
    /// <summary>Most streams.</summary>
    public const int Lanes = 8;

    private const int BlockBytes = 64;
    private const int WordsPerBlock = 16;
    private const int FewestLanes = 3;

    private readonly IncrementalHash[]? single;
    private readonly Vector256<uint>[] state = Array.ConvertAll(Initial.ToArray(), word => Vector256.Create(word));
    private readonly byte[][] carry;
    private readonly int count;
    private long length;

    public ParallelSha256(int count)
    {
        this.count = count;
        carry = [.. Enumerable.Range(0, count).Select(_ => new byte[BlockBytes])];
        if (!Avx2.IsSupported || count < FewestLanes)
        {
            single = [.. carry.Select(_ => IncrementalHash.CreateHash(HashAlgorithmName.SHA256))];
        }
    }

    private static ReadOnlySpan<uint> Initial => [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    private static ReadOnlySpan<uint> RoundConstants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    /// <summary>Appends the first <paramref name="bytes"/> bytes of each stream's buffer.</summary>
    public void Append(ReadOnlySpan<byte[]> streams, int bytes)
    {
        if (single is not null)
        {
            for (int lane = 0; lane < count; lane++)
            {
                single[lane].AppendData(streams[lane], 0, bytes);
            }

            return;
        }

        int carried = (int)(length % BlockBytes);
        length += bytes;
        int at = 0;
        if (carried > 0)
        {
            at = Math.Min(bytes, BlockBytes - carried);
            Carry(streams, 0, carried, at);
            if (carried + at < BlockBytes)
            {
                return;
            }

            Compress(carry, 0, 1);
        }

        int blocks = (bytes - at) / BlockBytes;
        Compress(streams, at, blocks);
        at += blocks * BlockBytes;
        Carry(streams, at, 0, bytes - at);
    }

    /// <summary>The digests, in lower-case hexadecimal. Nothing can be appended afterwards.</summary>
    public string[] Finish()
    {
        if (single is not null)
        {
            return [.. single.Select(hash => Convert.ToHexStringLower(hash.GetHashAndReset()))];
        }

        // Section 5.1.1: a one bit, zeros, the length in bits, up to a whole block.
        long bits = length * 8;
        byte[] padding = new byte[BlockBytes - (length + sizeof(long)) % BlockBytes + sizeof(long)];
        padding[0] = 0x80;
        BinaryPrimitives.WriteInt64BigEndian(padding.AsSpan(padding.Length - sizeof(long)), bits);
        Append([.. Enumerable.Repeat(padding, count)], padding.Length);
        return [.. Enumerable.Range(0, count).Select(Digest)];
    }

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(single ?? [], hash => hash.Dispose());

    private string Digest(int lane)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        for (int word = 0; word < state.Length; word++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(digest[(word * sizeof(uint))..], state[word][lane]);
        }

        return Convert.ToHexStringLower(digest);
    }

    private void Carry(ReadOnlySpan<byte[]> streams, int from, int to, int bytes)
    {
        for (int lane = 0; lane < count; lane++)
        {
            streams[lane].AsSpan(from, bytes).CopyTo(carry[lane].AsSpan(to));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Compress(ReadOnlySpan<byte[]> streams, int at, int blocks)
    {
        Span<Vector256<uint>> w = stackalloc Vector256<uint>[WordsPerBlock];
        for (int block = 0; block < blocks; block++, at += BlockBytes)
        {
            Load(streams, at, w[..8]);
            Load(streams, at + BlockBytes / 2, w[8..]);
            var (a, b, c, d) = (state[0], state[1], state[2], state[3]);
            var (e, f, g, h) = (state[4], state[5], state[6], state[7]);
            for (int t = 0; t < RoundConstants.Length; t++)
            {
                var word = w[t % WordsPerBlock];
                if (t >= WordsPerBlock)
                {
                    var w15 = w[(t + 1) % WordsPerBlock];
                    var w2 = w[(t + 14) % WordsPerBlock];
                    word += (Rotate(w15, 7) ^ Rotate(w15, 18) ^ (w15 >>> 3)) + w[(t + 9) % WordsPerBlock] + (Rotate(w2, 17) ^ Rotate(w2, 19) ^ (w2 >>> 10));
                    w[t % WordsPerBlock] = word;
                }

                var t1 = (Rotate(e, 6) ^ Rotate(e, 11) ^ Rotate(e, 25)) + ((e & f) ^ (~e & g)) + (h + Vector256.Create(RoundConstants[t]) + word);
                var t2 = (Rotate(a, 2) ^ Rotate(a, 13) ^ Rotate(a, 22)) + ((a & b) | (c & (a | b)));
                (h, g, f, e) = (g, f, e, d + t1);
                (d, c, b, a) = (c, b, a, t1 + t2);
            }

            (state[0], state[1], state[2], state[3]) = (state[0] + a, state[1] + b, state[2] + c, state[3] + d);
            (state[4], state[5], state[6], state[7]) = (state[4] + e, state[5] + f, state[6] + g, state[7] + h);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Rotate(Vector256<uint> x, [ConstantExpected] byte bits)
        => Avx512F.VL.IsSupported ? Avx512F.VL.RotateRight(x, bits) : (x >>> bits) | (x << (32 - bits));

    /// <summary>Eight words of every stream, big-endian, turned so that each vector holds one word of all streams.</summary>
    private void Load(ReadOnlySpan<byte[]> streams, int at, Span<Vector256<uint>> words)
    {
        // Lanes without a stream repeat the last one.
        var (r0, r1, r2, r3) = (Row(streams[0], at), Row(streams[Math.Min(1, count - 1)], at), Row(streams[Math.Min(2, count - 1)], at), Row(streams[Math.Min(3, count - 1)], at));
        var (r4, r5, r6, r7) = (Row(streams[Math.Min(4, count - 1)], at), Row(streams[Math.Min(5, count - 1)], at), Row(streams[Math.Min(6, count - 1)], at), Row(streams[Math.Min(7, count - 1)], at));
        var (u0, u1, u2, u3) = Quarters(r0, r1, r2, r3);
        var (u4, u5, u6, u7) = Quarters(r4, r5, r6, r7);
        (words[0], words[4]) = Halves(u0, u4);
        (words[1], words[5]) = Halves(u1, u5);
        (words[2], words[6]) = Halves(u2, u6);
        (words[3], words[7]) = Halves(u3, u7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Row(byte[] stream, int at)
    {
        var swap = Vector256.Create((byte)3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
        return Avx2.Shuffle(Vector256.Create<byte>(stream.AsSpan(at, Vector256<byte>.Count)), swap).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<uint>, Vector256<uint>, Vector256<uint>, Vector256<uint>) Quarters(Vector256<uint> r0, Vector256<uint> r1, Vector256<uint> r2, Vector256<uint> r3)
    {
        var (low01, high01) = (Avx2.UnpackLow(r0, r1).AsUInt64(), Avx2.UnpackHigh(r0, r1).AsUInt64());
        var (low23, high23) = (Avx2.UnpackLow(r2, r3).AsUInt64(), Avx2.UnpackHigh(r2, r3).AsUInt64());
        return (Avx2.UnpackLow(low01, low23).AsUInt32(), Avx2.UnpackHigh(low01, low23).AsUInt32(), Avx2.UnpackLow(high01, high23).AsUInt32(), Avx2.UnpackHigh(high01, high23).AsUInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<uint> Low, Vector256<uint> High) Halves(Vector256<uint> one, Vector256<uint> other)
        => (Avx2.Permute2x128(one, other, 0x20), Avx2.Permute2x128(one, other, 0x31));
}
