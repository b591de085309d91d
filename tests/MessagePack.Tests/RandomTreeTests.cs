using System.Buffers;

namespace MessagePack.Tests;

/// <summary>Properties over random trees and random bytes. Seeds are in the messages.</summary>
public sealed class RandomTreeTests
{
    [Fact]
    public void Trees_WrittenAndRead_AreTheSameInPiecesOfAnySize()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var value = new RandomValues(seed).Next();
            var bytes = value.Written();
            foreach (var pieceBytes in new[] { 1, 2, 7, int.MaxValue })
            {
                var reader = new MessagePackReader(Segments.Of(bytes, pieceBytes));
                Assert.True(value == Value.ReadFrom(ref reader), $"seed {seed}, pieces of {pieceBytes} bytes");
                Assert.True(reader.End, $"seed {seed}, pieces of {pieceBytes} bytes: {reader.Consumed} of {bytes.Length} bytes read");
            }

            var skipper = new MessagePackReader(bytes);
            Assert.Equal(bytes, skipper.ReadRaw().ToArray());
        }
    }

    [Fact]
    public void Trees_TruncatedAnywhere_EndTooEarly()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var bytes = new RandomValues(seed).Next().Written();
            for (var kept = 0; kept < Math.Min(bytes.Length, 300); kept++)
            {
                AssertEndsTooEarly(new ReadOnlySequence<byte>(bytes, 0, kept), seed);
                AssertEndsTooEarly(Segments.Of(bytes[..kept], 3), seed);
            }
        }
    }

    [Fact]
    public void Bytes_Random_AreRefusedInOneOfTheDocumentedWays()
    {
        var random = new Random(20260101);
        for (var round = 0; round < 100_000; round++)
        {
            var bytes = new byte[random.Next(1, 40)];
            random.NextBytes(bytes);
            var reader = new MessagePackReader(bytes);
            try
            {
                Value.ReadFrom(ref reader);
            }
            catch (Exception exception) when (exception is EndOfStreamException or MessagePackSerializationException)
            {
                // Refused, as it should be.
            }
            catch (InvalidOperationException exception) when (exception.Message.Contains("Unknown", StringComparison.Ordinal))
            {
                // 0xc1, refused by the test's own reader of trees.
            }
        }
    }

    private static void AssertEndsTooEarly(ReadOnlySequence<byte> bytes, int seed)
    {
        try
        {
            var reader = new MessagePackReader(bytes);
            Value.ReadFrom(ref reader);
            Assert.Fail($"seed {seed}: {bytes.Length} bytes were a whole value");
        }
        catch (EndOfStreamException)
        {
            var skipper = new MessagePackReader(bytes);
            try
            {
                skipper.Skip();
                Assert.Fail($"seed {seed}: {bytes.Length} bytes could be skipped whole");
            }
            catch (EndOfStreamException)
            {
                // Both ways of reading agree.
            }
        }
    }
}
