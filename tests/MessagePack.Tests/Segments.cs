using System.Buffers;

namespace MessagePack.Tests;

/// <summary>The same bytes in pieces, as a pipe hands them out.</summary>
internal static class Segments
{
    public static ReadOnlySequence<byte> Of(byte[] bytes, int pieceBytes)
    {
        var first = new Piece(bytes.AsMemory(0, Math.Min(pieceBytes, bytes.Length)), null);
        var last = first;
        for (var start = pieceBytes; start < bytes.Length; start += pieceBytes)
        {
            last = new Piece(bytes.AsMemory(start, Math.Min(pieceBytes, bytes.Length - start)), last);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
                previous.Next = this;
            }
        }
    }
}
