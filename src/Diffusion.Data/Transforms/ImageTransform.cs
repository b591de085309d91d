namespace Diffusion.Data;

/// <summary>How images of any size become images of one size.</summary>
public enum TransformMode
{
    /// <summary>Plain Lanczos resize; the aspect is not kept.</summary>
    Stretch,

    /// <summary>The central square, then Lanczos.</summary>
    CenterCrop,

    /// <summary>The central part of the target's aspect, Lanczos, centred in a black square. Images that are too small are left out.</summary>
    CenterCropWide,

    /// <summary>Halving by box filters, bicubic to the shorter side, then the central square: the one used for ImageNet.</summary>
    CenterCropDhariwal,
}

/// <summary>Transforms of the dataset tool.</summary>
public static class ImageTransform
{
    /// <summary>Applies a transform.</summary>
    /// <param name="image">Pixels of any size.</param>
    /// <param name="mode">Transform.</param>
    /// <param name="width">Target width.</param>
    /// <param name="height">Target height.</param>
    /// <returns>The new image; null when the transform leaves this one out.</returns>
    /// <exception cref="DatasetException">The target does not suit the transform.</exception>
    public static DecodedImage? Apply(DecodedImage image, TransformMode mode, int width, int height)
    {
        Check(mode, width, height);
        return mode switch
        {
            TransformMode.CenterCrop => CenterCrop(image, width, height),
            TransformMode.CenterCropWide => CenterCropWide(image, width, height),
            TransformMode.CenterCropDhariwal => CenterCropDhariwal(image, width),
            _ => ImageResizer.Resize(image, width, height, ResizeFilter.Lanczos),
        };
    }

    /// <summary>Refuses a target that does not suit a transform.</summary>
    /// <param name="mode">Transform.</param>
    /// <param name="width">Target width.</param>
    /// <param name="height">Target height.</param>
    /// <exception cref="DatasetException">It does not suit.</exception>
    internal static void Check(TransformMode mode, int width, int height)
    {
        if (mode == TransformMode.CenterCropDhariwal && width != height)
        {
            throw new DatasetException($"center-crop-dhariwal makes squares, not {width}x{height}. Give --resolution {width}x{width}.");
        }

        if (mode == TransformMode.CenterCropWide && height > width)
        {
            throw new DatasetException($"center-crop-wide makes images at least as wide as high, not {width}x{height}. Give --resolution {height}x{width}.");
        }
    }

    /// <summary>Cuts out a rectangle.</summary>
    internal static DecodedImage Crop(DecodedImage image, int left, int top, int width, int height)
    {
        var target = new ImageShape(image.Shape.Channels, height, width);
        byte[] pixels = new byte[target.Elements];
        for (int row = 0; row < target.Channels * height; row++)
        {
            (int channel, int y) = Math.DivRem(row, height);
            image.Bytes.AsSpan((((channel * image.Shape.Height) + top + y) * image.Shape.Width) + left, width).CopyTo(pixels.AsSpan(row * width));
        }

        return new DecodedImage(target, image.Element, pixels);
    }

    private static DecodedImage CenterCrop(DecodedImage image, int width, int height)
    {
        int side = Math.Min(image.Shape.Width, image.Shape.Height);
        DecodedImage square = Crop(image, (image.Shape.Width - side) / 2, (image.Shape.Height - side) / 2, side, side);
        return ImageResizer.Resize(square, width, height, ResizeFilter.Lanczos);
    }

    private static DecodedImage? CenterCropWide(DecodedImage image, int width, int height)
    {
        int cropHeight = (int)Math.Round((double)width * image.Shape.Height / image.Shape.Width, MidpointRounding.ToEven);
        if (image.Shape.Width < width || cropHeight < height)
        {
            return null;
        }

        DecodedImage band = Crop(image, 0, (image.Shape.Height - cropHeight) / 2, image.Shape.Width, cropHeight);
        band = ImageResizer.Resize(band, width, height, ResizeFilter.Lanczos);
        var target = new ImageShape(band.Shape.Channels, width, width);
        byte[] canvas = new byte[target.Elements];
        for (int channel = 0; channel < target.Channels; channel++)
        {
            int top = (width - height) / 2;
            band.Bytes.AsSpan(channel * height * width, height * width).CopyTo(canvas.AsSpan(((channel * width) + top) * width));
        }

        return new DecodedImage(target, ImageElement.Pixel, canvas);
    }

    private static DecodedImage CenterCropDhariwal(DecodedImage image, int side)
    {
        while (Math.Min(image.Shape.Width, image.Shape.Height) >= 2 * side)
        {
            image = ImageResizer.Resize(image, image.Shape.Width / 2, image.Shape.Height / 2, ResizeFilter.Box);
        }

        double scale = (double)side / Math.Min(image.Shape.Width, image.Shape.Height);
        int width = (int)Math.Round(image.Shape.Width * scale, MidpointRounding.ToEven);
        int height = (int)Math.Round(image.Shape.Height * scale, MidpointRounding.ToEven);
        image = ImageResizer.Resize(image, width, height, ResizeFilter.Bicubic);
        return Crop(image, (width - side) / 2, (height - side) / 2, side, side);
    }
}
