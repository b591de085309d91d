namespace Diffusion.Data.Tests.Decoding;

public sealed class JpegDecoderTests
{
    [TurboJpegFact]
    public void Decode_Rgb_IsCloseToTheOriginal()
    {
        const int Side = 24;
        byte[] interleaved = [.. Enumerable.Range(0, Side * Side).SelectMany(i => new[] { (byte)(i % Side * 10), (byte)(i / Side * 10), (byte)128 })];
        DecodedImage image = JpegDecoder.Decode(TurboJpeg.Encode(interleaved, Side, Side, 3), "test.jpg");
        Assert.Equal(new ImageShape(3, Side, Side), image.Shape);
        int largest = Enumerable.Range(0, interleaved.Length).Max(i => Math.Abs(interleaved[i] - image.Bytes[(i % 3 * Side * Side) + (i / 3)]));
        Assert.True(largest <= 8, $"Largest difference {largest}.");
    }

    [TurboJpegFact]
    public void Decode_Grey_StaysOneChannel()
    {
        byte[] pixels = new byte[16 * 8];
        pixels.AsSpan().Fill(77);
        DecodedImage image = JpegDecoder.Decode(TurboJpeg.Encode(pixels, 16, 8, 1), "test.jpg");
        Assert.Equal(new ImageShape(1, 8, 16), image.Shape);
        Assert.All(image.Bytes, pixel => Assert.Equal(77, pixel));
    }

    [TurboJpegFact]
    public void Decode_Truncated_IsAnErrorNotGrey()
    {
        byte[] whole = TurboJpeg.Encode(TestData.Noise(32 * 32 * 3, 1), 32, 32, 3);
        foreach (int length in new[] { 1, 20, whole.Length / 2, whole.Length - 20 })
        {
            Assert.Contains("test.jpg", Assert.Throws<DatasetException>(() => JpegDecoder.Decode(whole.AsSpan(0, length), "test.jpg")).Message);
        }
    }
}
