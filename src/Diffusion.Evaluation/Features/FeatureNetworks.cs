using Diffusion.Contracts.Configuration;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Features;

/// <summary>Opens feature networks of any kind by their path.</summary>
public static class FeatureNetworks
{
    /// <summary>Opens a network that <c>features train</c> made, or TorchScript.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shape">Images it will be given.</param>
    /// <param name="input">How pixels reach TorchScript; null for <see cref="FeatureInput.Pixels"/>. A trained network has its own.</param>
    /// <param name="device">Where TorchScript runs; null for the CPU.</param>
    /// <exception cref="ConfigurationException">It is neither, or made for other images.</exception>
    public static IFeatureNetwork Open(string path, ImageShape shape, FeatureInput? input = null, Device? device = null)
    {
        if (!File.Exists(path))
        {
            throw new ConfigurationException($"Feature network {path} does not exist. Train one with 'features train', or give a TorchScript file.");
        }

        if (!TrainedFeatures.IsAt(path))
        {
            return TorchScriptFeatures.Load(path, input ?? FeatureInput.Pixels, shape, device);
        }

        var trained = TrainedFeatures.Load(path);
        if (trained.Shape == shape && (input is null || input.Name == trained.Space.Input))
        {
            return trained;
        }

        string misfit = trained.Shape != shape ? $"is for images of {trained.Shape}, not of {shape}" : $"takes its input as '{trained.Space.Input}', not as '{input!.Name}'";
        trained.Dispose();
        throw new ConfigurationException($"Feature network {path} {misfit}. Train one on these images with 'features train', without an input convention.");
    }
}
