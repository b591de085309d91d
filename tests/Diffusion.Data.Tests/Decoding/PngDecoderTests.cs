using System.IO.Compression;

namespace Diffusion.Data.Tests.Decoding;

public sealed class PngDecoderTests
{
    [LibPngTheory]
    [InlineData(0, 1, false)]
    [InlineData(0, 2, true)]
    [InlineData(0, 4, false)]
    [InlineData(0, 8, true)]
    [InlineData(2, 8, false)]
    [InlineData(2, 8, true)]
    [InlineData(3, 1, false)]
    [InlineData(3, 4, true)]
    [InlineData(3, 8, false)]
    [InlineData(4, 8, false)]
    [InlineData(6, 8, true)]
    public void Decode_AnyKind_EqualsLibPng(int colourType, int depth, bool interlaced)
    {
        foreach ((int width, int height) in new[] { (1, 1), (3, 2), (9, 13), (32, 32), (5, 1) })
        {
            byte[] file = RawPng.Random(width, height, colourType, depth, interlaced, seed: (width * 100) + depth, transparentPalette: colourType == 3 && depth == 4);
            DecodedImage image = PngDecoder.Decode(file, "test.png");
            (int oracleWidth, int oracleHeight, int channels, byte[] pixels) = LibPng.Decode(file);
            Assert.Equal(new ImageShape(channels, oracleHeight, oracleWidth), image.Shape);
            Assert.Equal(pixels, Interleave(image));
        }
    }

    [Fact]
    public void Decode_SixteenBits_KeepsTheUpperHalf()
    {
        byte[] file = RawPng.File(2, 1, colourType: 0, depth: 16, interlaced: false, [0, 0x12, 0xff, 0xab, 0x00]);
        Assert.Equal([0x12, 0xab], PngDecoder.Decode(file, "test.png").Bytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Encode_ThenDecode_ReturnsThePixels(int channels)
    {
        var shape = new ImageShape(channels, 19, 33);
        byte[] pixels = TestData.Noise(shape.Elements, seed: channels);
        foreach (CompressionLevel level in new[] { CompressionLevel.NoCompression, CompressionLevel.Fastest, CompressionLevel.Optimal })
        {
            byte[] file = PngWriter.Encode(pixels, shape, level);
            Assert.Equal(pixels, PngDecoder.Decode(file, "test.png").Bytes);
            if (LibPng.IsPresent)
            {
                Assert.Equal(pixels, PlanesOf(LibPng.Decode(file).Pixels, channels));
            }
        }
    }

    // Whatever is cut off or changed, the answer is an error that names the file, never another exception or a hang.
    [Fact]
    public void Decode_AnyDamage_NamesTheFile()
    {
        byte[] whole = RawPng.Random(9, 7, colourType: 2, depth: 8, interlaced: true, seed: 1);
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.Contains("test.png", Assert.Throws<DatasetException>(() => PngDecoder.Decode(whole.AsSpan(0, length), "test.png")).Message);
        }

        for (int position = 0; position < whole.Length; position++)
        {
            byte[] damaged = [.. whole];
            damaged[position] ^= 0x55;
            Assert.Contains("test.png", Assert.Throws<DatasetException>(() => PngDecoder.Decode(damaged, "test.png")).Message);
        }
    }

    [Fact]
    public void Decode_AbsurdSize_IsRefusedBeforeMemoryIsTaken()
    {
        byte[] file = RawPng.File(30000, 30000, colourType: 6, depth: 8, interlaced: false, [0, 1, 2]);
        Assert.Contains("30000", Assert.Throws<DatasetException>(() => PngDecoder.Decode(file, "test.png")).Message);
    }

    [Fact]
    public void Decode_UnknownFilter_IsRefused() =>
        Assert.Contains("filter 9", Assert.Throws<DatasetException>(() => PngDecoder.Decode(RawPng.File(1, 1, 0, 8, false, [9, 1]), "test.png")).Message);

    [Fact]
    public void Decode_ColourOutsidePalette_IsRefused() =>
        Assert.Contains("palette", Assert.Throws<DatasetException>(() => PngDecoder.Decode(RawPng.File(1, 1, 3, 8, false, [0, 5], palette: [1, 2, 3]), "test.png")).Message);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(1000)]
    public void Crc32_AnyLength_EqualsBitwiseTwin(int length)
    {
        byte[] bytes = TestData.Noise(length, seed: length);
        Assert.Equal(RawPng.SlowCrc(bytes), Crc32.Of(bytes));
    }

    private static byte[] Interleave(DecodedImage image)
    {
        int plane = image.Shape.Height * image.Shape.Width;
        return [.. Enumerable.Range(0, image.Bytes.Length).Select(i => image.Bytes[(i % image.Shape.Channels * plane) + (i / image.Shape.Channels)])];
    }

    private static byte[] PlanesOf(byte[] interleaved, int channels)
    {
        int plane = interleaved.Length / channels;
        return [.. Enumerable.Range(0, interleaved.Length).Select(i => interleaved[(i % plane * channels) + (i / plane)])];
    }
}
