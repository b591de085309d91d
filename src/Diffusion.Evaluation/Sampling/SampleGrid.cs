using Diffusion.Data;
using Diffusion.Evaluation.Latents;
using Diffusion.Model.Networks;
using Diffusion.Model.Sampling;
using ImageShape = Diffusion.Data.ImageShape;
using PixelEncoder = Diffusion.Model.Encoding.PixelEncoder;

namespace Diffusion.Evaluation.Sampling;

/// <summary>Samples of a network side by side: a row per class.</summary>
public static class SampleGrid
{
    /// <summary>Rows of a network without classes, and of one with more classes than fit.</summary>
    public const int DefaultRows = 8;

    /// <summary>Images of a row.</summary>
    public const int DefaultColumns = 8;

    private const int MostRows = 10;
    private const int Batch = 40;

    /// <summary>The classes that are shown, top to bottom: all of up to ten, eight spread evenly over more; null where there are none.</summary>
    public static IReadOnlyList<int?> Rows(int classes) => classes switch
    {
        0 => [.. Enumerable.Repeat<int?>(null, DefaultRows)],
        <= MostRows => [.. Enumerable.Range(0, classes).Select(c => (int?)c)],
        _ => [.. Enumerable.Range(0, DefaultRows).Select(r => (int?)(r * classes / DefaultRows))],
    };

    /// <summary>Samples a grid and writes it as one PNG.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="network">Network in evaluation mode.</param>
    /// <param name="sampler">Sampler.</param>
    /// <param name="firstSeed">Seed of the first image; the others follow.</param>
    /// <param name="scale">Every pixel becomes scale × scale pixels; 0 chooses, so that an image is about 64 wide.</param>
    /// <param name="autoencoder">Decoder of latents; needed if the network works on them.</param>
    /// <param name="cancellationToken">Checked between steps.</param>
    /// <returns>Number of images.</returns>
    /// <exception cref="InvalidOperationException">The network works on latents and there is no decoder.</exception>
    public static int Write(string path, INetwork network, ISampler sampler, long firstSeed = 0, int scale = 0, ScriptedAutoencoder? autoencoder = null, CancellationToken cancellationToken = default)
    {
        var rows = Rows(network.LabelDim);
        var cells = rows.SelectMany(c => Enumerable.Repeat(c, DefaultColumns)).ToArray();
        var shape = ShapeOf(network);
        var pixels = new byte[cells.Length * shape.Elements];
        for (int first = 0; first < cells.Length; first += Batch)
        {
            int count = Math.Min(Batch, cells.Length - first);
            Sample(network, sampler, [.. Enumerable.Range(first, count).Select(i => firstSeed + i)], cells.AsSpan(first, count), autoencoder: autoencoder, cancellationToken: cancellationToken)
                .CopyTo(pixels.AsSpan(first * shape.Elements));
        }

        ImageGrid.Write(path, pixels, shape, DefaultColumns, scale > 0 ? scale : Math.Max(1, 64 / shape.Width), gap: 2);
        return cells.Length;
    }

    /// <summary>Samples images of given seeds.</summary>
    /// <param name="network">Network in evaluation mode.</param>
    /// <param name="sampler">Sampler.</param>
    /// <param name="seeds">One per image; an image depends on its own alone.</param>
    /// <param name="classes">Class of each image, null for the one its seed draws.</param>
    /// <param name="guide">Guiding network; needed if the sampler's guidance is not 1.</param>
    /// <param name="autoencoder">Decoder of latents; needed if the network works on them.</param>
    /// <param name="progress">Told after every step of the sampler.</param>
    /// <param name="cancellationToken">Checked between steps.</param>
    /// <returns>[n, C, H, W] 8-bit pixels.</returns>
    /// <exception cref="InvalidOperationException">The network works on latents and there is no decoder.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A class does not exist.</exception>
    public static byte[] Sample(
        INetwork network,
        ISampler sampler,
        IReadOnlyList<long> seeds,
        ReadOnlySpan<int?> classes,
        INetwork? guide = null,
        ScriptedAutoencoder? autoencoder = null,
        IProgress<SamplerProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        if (autoencoder is null && NeedsAutoencoder(network))
        {
            throw new InvalidOperationException($"The network works on images of {network.ImageChannels} channels: latents, which need a decoder to be seen. Give --vae FILE. {ScriptedAutoencoder.HowToGet}");
        }

        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        using var random = new SeededNoise(seeds);
        var device = network.Parameters[0].Value.device;
        var noise = random.Randn([network.ImageChannels, network.Resolution, network.Resolution]).to(device);
        var labels = Forced(random.Labels(network.LabelDim), classes, network.LabelDim)?.to(device);
        var images = sampler.Sample(network, noise, labels, guide, x => random.RandnLike(x).to(x.device), progress, cancellationToken);
        var pixels = NeedsAutoencoder(network) ? autoencoder!.DecodeImages(images) : PixelEncoder.Decode(images);
        return pixels.cpu().contiguous().data<byte>().ToArray();
    }

    /// <summary>Whether a network works on latents.</summary>
    /// <param name="network">Network.</param>
    public static bool NeedsAutoencoder(INetwork network) => network.ImageChannels is not (1 or 3);

    /// <summary>Shape of the pictures of a network: eight times as wide as its latents, if it works on these.</summary>
    /// <param name="network">Network.</param>
    public static ImageShape ShapeOf(INetwork network) => NeedsAutoencoder(network)
        ? new ImageShape(3, network.Resolution * ScriptedAutoencoder.Factor, network.Resolution * ScriptedAutoencoder.Factor)
        : new ImageShape(network.ImageChannels, network.Resolution, network.Resolution);

    private static Tensor? Forced(Tensor? drawn, ReadOnlySpan<int?> classes, int labelDim)
    {
        if (drawn is null)
        {
            return null;
        }

        var values = drawn.cpu().data<float>().ToArray();
        for (int i = 0; i < classes.Length; i++)
        {
            if (classes[i] is int forced)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(forced, nameof(classes));
                ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(forced, labelDim, nameof(classes));
                values.AsSpan(i * labelDim, labelDim).Clear();
                values[(i * labelDim) + forced] = 1;
            }
        }

        return torch.tensor(values).reshape(classes.Length, labelDim);
    }
}
