using System.Runtime.InteropServices;
using Diffusion.Data;
using Diffusion.Model.Encoding;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Latents;

/// <summary>Whole data sets through an autoencoder: what <c>dataset encode</c> and <c>dataset decode</c> do.</summary>
public static class LatentConversion
{
    private const int StoredChannels = 8;

    /// <summary>Images to stored latents: four means and four standard deviations each, as .npy.</summary>
    /// <param name="mapping">Source, destination, batch.</param>
    /// <param name="autoencoder">Encoder.</param>
    /// <param name="progress">Told after every batch.</param>
    /// <param name="cancellationToken">Checked before every batch.</param>
    /// <exception cref="DatasetException">The images are no RGB images of one size that is a multiple of eight, or source or destination cannot be used.</exception>
    public static ConversionResult Encode(DatasetMapping mapping, ScriptedAutoencoder autoencoder, IProgress<ImageProgress>? progress, CancellationToken cancellationToken) =>
        mapping.Run(RequireImage, images => Encode(images, autoencoder), progress, cancellationToken);

    /// <summary>Stored latents to images, from their means, so that the same latents always are the same image.</summary>
    /// <inheritdoc cref="Encode(DatasetMapping, ScriptedAutoencoder, IProgress{ImageProgress}?, CancellationToken)" path="/param"/>
    /// <exception cref="DatasetException">The data set holds no latents, or source or destination cannot be used.</exception>
    public static ConversionResult Decode(DatasetMapping mapping, ScriptedAutoencoder autoencoder, IProgress<ImageProgress>? progress, CancellationToken cancellationToken) =>
        mapping.Run(RequireLatent, latents => Decode(latents, autoencoder), progress, cancellationToken);

    private static void RequireImage(DecodedImage image, string name)
    {
        if (image.Element == ImageElement.Latent)
        {
            throw new DatasetException($"{name} holds latents of {image.Shape}: this data set is encoded already. To see it, run 'dataset decode'.");
        }

        if (image.Shape.Channels != 3 || image.Shape.Height % ScriptedAutoencoder.Factor != 0 || image.Shape.Width % ScriptedAutoencoder.Factor != 0)
        {
            throw new DatasetException($"{name} is {image.Shape} (channels x height x width); the encoder takes RGB images whose sides are multiples of {ScriptedAutoencoder.Factor}. Run 'dataset convert --transform center-crop-dhariwal --resolution 512x512' first.");
        }
    }

    private static void RequireLatent(DecodedImage image, string name)
    {
        if (image.Element != ImageElement.Latent || image.Shape.Channels != StoredChannels)
        {
            throw new DatasetException($"{name} holds {(image.Element == ImageElement.Latent ? "values" : "pixels")} of {image.Shape}; stored latents are {StoredChannels} channels of float32 (four means, four standard deviations), as 'dataset encode' writes them.");
        }
    }

    private static DecodedImage[] Encode(IReadOnlyList<DecodedImage> images, ScriptedAutoencoder autoencoder)
    {
        using var scope = torch.NewDisposeScope();
        var shape = images[0].Shape;
        var pixels = torch.tensor(images.SelectMany(image => image.Bytes).ToArray()).reshape(images.Count, shape.Channels, shape.Height, shape.Width);
        var latents = autoencoder.Encode(pixels);
        var stored = new ImageShape(StoredChannels, (int)latents.shape[2], (int)latents.shape[3]);
        return Split(latents, images.Count, stored, ImageElement.Latent);
    }

    private static DecodedImage[] Decode(IReadOnlyList<DecodedImage> latents, ScriptedAutoencoder autoencoder)
    {
        using var scope = torch.NewDisposeScope();
        var shape = latents[0].Shape;
        var values = latents.SelectMany(latent => MemoryMarshal.Cast<byte, float>(latent.Bytes).ToArray()).ToArray();
        var means = torch.tensor(values).reshape(latents.Count, shape.Channels, shape.Height, shape.Width).narrow(1, 0, StoredChannels / 2);
        var pixels = autoencoder.Decode(means);
        return Split(pixels, latents.Count, new ImageShape(3, (int)pixels.shape[2], (int)pixels.shape[3]), ImageElement.Pixel);
    }

    private static DecodedImage[] Split(Tensor batch, int count, ImageShape shape, ImageElement element)
    {
        byte[] bytes = batch.contiguous().bytes.ToArray();
        int each = bytes.Length / count;
        return [.. Enumerable.Range(0, count).Select(i => new DecodedImage(shape, element, bytes.AsSpan(i * each, each).ToArray()))];
    }
}
