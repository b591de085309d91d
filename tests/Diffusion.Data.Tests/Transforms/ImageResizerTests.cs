namespace Diffusion.Data.Tests.Transforms;

public sealed class ImageResizerTests
{
    [Theory]
    [InlineData(ResizeFilter.Box)]
    [InlineData(ResizeFilter.Bicubic)]
    [InlineData(ResizeFilter.Lanczos)]
    public void Resize_ConstantImage_StaysConstant(ResizeFilter filter)
    {
        byte[] pixels = new byte[3 * 31 * 17];
        pixels.AsSpan().Fill(201);
        DecodedImage resized = ImageResizer.Resize(new DecodedImage(new ImageShape(3, 31, 17), ImageElement.Pixel, pixels), 40, 9, filter);
        Assert.Equal(new ImageShape(3, 9, 40), resized.Shape);
        Assert.All(resized.Bytes, pixel => Assert.Equal(201, pixel));
    }

    [Fact]
    public void Resize_BoxToHalf_IsTheRoundedMean()
    {
        DecodedImage resized = ImageResizer.Resize(new DecodedImage(new ImageShape(1, 2, 4), ImageElement.Pixel, [0, 1, 10, 20, 4, 5, 30, 40]), 2, 1, ResizeFilter.Box);

        // Rows first, each rounded: (1, 15) and (5, 35); then columns.
        Assert.Equal([3, 25], resized.Bytes);
    }

    [Fact]
    public void Resize_Transposed_IsTheTransposeOfOneAxis()
    {
        byte[] pixels = TestData.Noise(24, seed: 2);
        DecodedImage wide = ImageResizer.Resize(new DecodedImage(new ImageShape(1, 1, 24), ImageElement.Pixel, pixels), 7, 1, ResizeFilter.Lanczos);
        DecodedImage high = ImageResizer.Resize(new DecodedImage(new ImageShape(1, 24, 1), ImageElement.Pixel, pixels), 1, 7, ResizeFilter.Lanczos);
        Assert.Equal(wide.Bytes, high.Bytes);
    }
}
