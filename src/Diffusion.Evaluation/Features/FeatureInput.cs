using Diffusion.Contracts.Configuration;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Features;

/// <summary>How 8-bit pixels reach a feature network. Grey images are given to it as three equal channels.</summary>
public sealed class FeatureInput
{
    private static readonly float[] ImageNetMean = [0.485f, 0.456f, 0.406f];
    private static readonly float[] ImageNetDeviation = [0.229f, 0.224f, 0.225f];

    private readonly Func<Tensor, Tensor> convert;

    private FeatureInput(string name, string description, Func<Tensor, Tensor> convert)
    {
        (Name, Description) = (name, description);
        this.convert = convert;
    }

    /// <summary>8-bit pixels as they are: networks that resize and scale by themselves, as Inception-v3 of 2015-12-05.</summary>
    public static FeatureInput Pixels { get; } = new("uint8", "8-bit pixels as they are; Inception-v3 of 2015-12-05, which resizes by itself", x => x);

    /// <summary>DINOv2's: 224 × 224, bicubic with antialiasing in float32, ImageNet's mean and standard deviation.</summary>
    public static FeatureInput ImageNet224 { get; } = new("imagenet-224", "resized to 224x224 (bicubic, antialiased), ImageNet's mean and deviation; DINOv2", ToImageNet);

    /// <summary>Every convention, by the name a command line gives.</summary>
    public static IReadOnlyList<FeatureInput> All { get; } =
    [
        Pixels,
        new("unit", "floats from 0 to 1", x => x.to(ScalarType.Float32).div(255)),
        new("signed", "floats from -1 to 1", x => x.to(ScalarType.Float32).div(127.5).sub(1)),
        ImageNet224,
    ];

    /// <summary>Its name, which is part of the feature space.</summary>
    public string Name { get; }

    /// <summary>What it does, for help texts.</summary>
    public string Description { get; }

    /// <summary>Finds a convention.</summary>
    /// <exception cref="ConfigurationException">There is none of this name.</exception>
    public static FeatureInput Named(string name) => All.FirstOrDefault(i => i.Name == name)
        ?? throw new ConfigurationException($"'{name}' is no input convention of a feature network. {Suggestion.For(name, All.Select(i => i.Name))} There are: {string.Join("; ", All.Select(i => $"{i.Name} ({i.Description})"))}.");

    internal Tensor Prepare(ReadOnlySpan<byte> pixels, ImageShape shape, Device device)
    {
        if (shape.Channels is not (1 or 3))
        {
            throw new ArgumentException($"Images of {shape.Channels} channels are latents, which feature networks do not take. Decode them to pixels first.", nameof(shape));
        }

        var images = torch.tensor(pixels.ToArray()).reshape(-1, shape.Channels, shape.Height, shape.Width).to(device);
        return convert(shape.Channels == 1 ? images.repeat(1, 3, 1, 1) : images);
    }

    private static Tensor ToImageNet(Tensor pixels)
    {
        var resized = AntialiasedResize.Bicubic(pixels.to(ScalarType.Float32), 224).div(255);
        var mean = torch.tensor(ImageNetMean).reshape(1, 3, 1, 1).to(pixels.device);
        var deviation = torch.tensor(ImageNetDeviation).reshape(1, 3, 1, 1).to(pixels.device);
        return resized.sub(mean).div(deviation);
    }
}
