using Diffusion.Model.Networks;

namespace Diffusion.Model.Objectives;

/// <summary>A loss, not yet reduced, and what it says about each image.</summary>
/// <param name="Map">[N, C, H, W]; what is back-propagated is its sum over pixels and channels, averaged over the images of the batch.</param>
/// <param name="Sigma">Noise level of each image, [N].</param>
/// <param name="ImageError">Weighted squared error per pixel of each image, [N], without gradient: comparable between noise levels and over time, as <paramref name="Map"/> is not once uncertainty is learned.</param>
public readonly record struct LossResult(Tensor Map, Tensor Sigma, Tensor ImageError);

/// <summary>What training minimises.</summary>
public interface ILoss
{
    /// <summary>Evaluates the network on noisy images.</summary>
    /// <param name="network">Network in training mode.</param>
    /// <param name="images">Clean images, [N, C, H, W] float32.</param>
    /// <param name="labels">[N, LabelDim], or null.</param>
    /// <param name="draw">Noise levels and noise for this batch.</param>
    LossResult Evaluate(INetwork network, Tensor images, Tensor? labels, NoiseDraw draw);
}

/// <summary>
/// λ(σ)/e^u(σ)·(D(y + σn; σ) − y)² + u(σ), with u learned beside the network and λ(σ) = (σ² + σ_data²)/(σ·σ_data)²
/// (Karras et al., arXiv:2312.02696, Equations 14, 15 and 21).
/// </summary>
public sealed class UncertaintyLoss : ILoss
{
    /// <inheritdoc/>
    public LossResult Evaluate(INetwork network, Tensor images, Tensor? labels, NoiseDraw draw)
    {
        using var scope = torch.NewDisposeScope();
        var sigma = draw.Sigma;
        double dataVariance = network.SigmaData * network.SigmaData;
        var weight = sigma.square().add(dataVariance).div(sigma.mul(network.SigmaData).square());

        var noisy = images.add(draw.Noise.mul(sigma));
        var (denoised, learned) = network.Denoise(noisy, sigma, labels, withLogVariance: true);
        var logVariance = learned ?? throw new InvalidOperationException("The network has no log variance, which this loss learns. Use preconditioning edm2, or another loss.");
        var error = denoised.sub(images).square();
        var map = error.mul(weight.div(logVariance.exp())).add(logVariance);

        var imageError = error.detach().mean([1, 2, 3]).mul(weight.flatten());
        return new LossResult(map.MoveToOuterDisposeScope(), sigma.flatten().MoveToOuterDisposeScope(), imageError.MoveToOuterDisposeScope());
    }
}
