using Diffusion.Contracts.Configuration;

namespace Diffusion.Model.Networks;

/// <summary>Models by name: the networks of <see cref="RunPresets"/> together with the images they were made for.</summary>
/// <remarks>A run takes size and classes from its data set; these are for describing and comparing networks without one.</remarks>
public static class NetworkPresets
{
    /// <summary>Names, smallest first.</summary>
    public static IReadOnlyList<string> Names => RunPresets.Names;

    /// <summary>The model of that name.</summary>
    /// <exception cref="ConfigurationException">There is none; the nearest name is suggested.</exception>
    public static ModelOptions Get(string name) => ModelOptions.Of(RunPresets.Get(name), Images(name));

    private static ImageShape Images(string name) => name switch
    {
        // ImageNet: latents of 512 x 512 images, or pixels.
        _ when name.StartsWith("edm2-img512", StringComparison.Ordinal) => new ImageShape(64, 4, 1000),
        _ when name.StartsWith("edm2-img64", StringComparison.Ordinal) => new ImageShape(64, 3, 1000),
        _ when name.EndsWith("-32", StringComparison.Ordinal) => new ImageShape(32, 3, 10),
        _ => new ImageShape(16, 3, 10),
    };
}
