using System.Security.Cryptography;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Safetensors;

public sealed class ParallelSha256Tests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(8)]
    public void Finish_AnyLengthInAnyPieces_IsWhatTheSystemSays(int lanes)
    {
        var random = new Random(lanes);
        int[] lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 4096, 10_007];
        foreach (int length in lengths)
        {
            byte[][] streams = [.. Enumerable.Range(0, lanes).Select(_ => new byte[length])];
            Array.ForEach(streams, random.NextBytes);
            using var hash = new ParallelSha256(lanes);
            for (int at = 0; at < length;)
            {
                int bytes = Math.Min(length - at, random.Next(1, 300));
                hash.Append([.. streams.Select(stream => stream[at..(at + bytes)])], bytes);
                at += bytes;
            }

            Assert.Equal(streams.Select(stream => Convert.ToHexStringLower(SHA256.HashData(stream))), hash.Finish());
        }
    }
}
