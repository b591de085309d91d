using Diffusion.Contracts.Configuration;

namespace Diffusion.Model.Networks;

/// <summary>What the data set decides about a network.</summary>
/// <param name="Resolution">Height and width of the images (or latents) the network sees.</param>
/// <param name="Channels">Their channels: 3 for RGB, 4 for latents.</param>
/// <param name="LabelDim">Length of a label vector, the number of classes; 0 for an unconditional network.</param>
public sealed record ImageShape(int Resolution, int Channels, int LabelDim = 0);

/// <summary>Everything needed to build a network again: what the data set decides and the parts chosen by name. Written into every snapshot.</summary>
public sealed record ModelOptions
{
    /// <summary>Size of images and labels.</summary>
    public required ImageShape Images { get; init; }

    /// <summary>The backbone and its options.</summary>
    public ComponentConfig Network { get; init; } = ComponentConfig.Of(ModelParts.Edm2UNet);

    /// <summary>The preconditioning around it and its options.</summary>
    public ComponentConfig Preconditioning { get; init; } = ComponentConfig.Of(ModelParts.Edm2Preconditioning);

    /// <summary>The model of a run on images of the given shape.</summary>
    public static ModelOptions Of(RunConfig run, ImageShape images) => new() { Images = images, Network = run.Network, Preconditioning = run.Preconditioning };
}
