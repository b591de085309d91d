using System.Buffers.Binary;
using System.Text;

namespace Diffusion.Data.Tests.Decoding;

public sealed class NpyDecoderTests
{
    [Fact]
    public void Decode_FourDimensions_FoldsTheFirstTwo()
    {
        DecodedImage image = NpyDecoder.Decode(File("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4, 5), }", 120 * 4), "test.npy");
        Assert.Equal((new ImageShape(6, 4, 5), ImageElement.Latent), (image.Shape, image.Element));
    }

    [Fact]
    public void Decode_Bytes_ArePixels()
    {
        DecodedImage image = NpyDecoder.Decode(File("{'descr': '|u1', 'fortran_order': False, 'shape': (4, 5), }", 20), "test.npy");
        Assert.Equal((new ImageShape(1, 4, 5), ImageElement.Pixel), (image.Shape, image.Element));
    }

    [Theory]
    [InlineData("{'descr': '<f8', 'fortran_order': False, 'shape': (4, 5), }", 160, "astype")]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (4, 5), }", 160, "'|O'")]
    [InlineData("{'descr': '<f4', 'fortran_order': True, 'shape': (4, 5), }", 80, "row-major")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 5), }", 79, "truncated")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", 20, "dimensions")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999), }", 20, "99999999")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 5), }", 20, "damaged")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4096, 4096, 4096, 5, 5), }", 20, "claims")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4, 5), }", 80, "numpy.save")]
    public void Decode_Unfit_SaysWhy(string header, int bytes, string expected) =>
        Assert.Contains(expected, Assert.Throws<DatasetException>(() => NpyDecoder.Decode(File(header, bytes), "test.npy")).Message);

    [Fact]
    public void Decode_AnyTruncation_NamesTheFile()
    {
        byte[] whole = File("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 5), }", 80);
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.Contains("test.npy", Assert.Throws<DatasetException>(() => NpyDecoder.Decode(whole.AsSpan(0, length), "test.npy")).Message);
        }
    }

    private static byte[] File(string header, int bytes)
    {
        byte[] text = Encoding.ASCII.GetBytes(header + "\n");
        byte[] length = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(length, (ushort)text.Length);
        return [0x93, .. "NUMPY"u8, 1, 0, .. length, .. text, .. TestData.Noise(bytes, 3)];
    }
}
