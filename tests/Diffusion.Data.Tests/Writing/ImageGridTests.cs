namespace Diffusion.Data.Tests.Writing;

public sealed class ImageGridTests
{
    [Fact]
    public void Write_Grid_PutsEachImageInItsPlace()
    {
        using var directory = new TemporaryDirectory();
        var shape = new ImageShape(3, 2, 4);
        byte[] pixels = TestData.Noise(5 * shape.Elements, 1);
        ImageGrid.Write(directory["grid.png"], pixels, shape, columns: 3, scale: 2, gap: 1);
        DecodedImage grid = PngDecoder.Decode(File.ReadAllBytes(directory["grid.png"]), "grid.png");
        Assert.Equal(new ImageShape(3, 9, 26), grid.Shape);
        for (int image = 0; image < 5; image++)
        {
            for (int i = 0; i < shape.Elements; i++)
            {
                (int channel, int y, int x) = (i / 8, i / 4 % 2, i % 4);
                foreach ((int dy, int dx) in new[] { (0, 0), (1, 1) })
                {
                    int row = (image / 3 * 5) + (y * 2) + dy;
                    int column = (image % 3 * 9) + (x * 2) + dx;
                    Assert.Equal(pixels[(image * shape.Elements) + i], grid.Bytes[(((channel * 9) + row) * 26) + column]);
                }
            }
        }

        // The gap is grey, the free place black.
        Assert.Equal(128, grid.Bytes[8]);
        Assert.Equal(0, grid.Bytes[(5 * 26) + 18]);
        Assert.Empty(Directory.GetFiles(directory.Path, "*.tmp"));
    }

    [Fact]
    public void Encode_HalfAnImage_IsRefused() =>
        Assert.Throws<ArgumentException>(() => ImageGrid.Encode(new byte[10], new ImageShape(3, 2, 2), columns: 1));
}
