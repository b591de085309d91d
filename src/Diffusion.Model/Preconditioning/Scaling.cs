namespace Diffusion.Model.Preconditioning;

/// <summary>Factors around the backbone F: D(x; σ) = c_skip·x + c_out·F(c_in·x, c_noise).</summary>
/// <param name="Skip">c_skip, [N or 1, 1, 1, 1].</param>
/// <param name="Out">c_out, [N or 1, 1, 1, 1].</param>
/// <param name="In">c_in, [N or 1, 1, 1, 1].</param>
/// <param name="Noise">c_noise, [N or 1].</param>
internal readonly record struct Scaling(Tensor Skip, Tensor Out, Tensor In, Tensor Noise)
{
    /// <summary>Unit variance for input and target of the backbone at every noise level (Karras et al., arXiv:2206.00364, Table 1, last column).</summary>
    /// <param name="sigma">[N or 1, 1, 1, 1] float32.</param>
    /// <param name="sigmaData">σ_data.</param>
    public static Scaling Edm(Tensor sigma, double sigmaData)
    {
        double dataVariance = sigmaData * sigmaData;
        var variance = sigma.square().add(dataVariance);
        var deviation = variance.sqrt();
        return new Scaling(
            Skip: variance.reciprocal().mul(dataVariance),
            Out: sigma.mul(sigmaData).div(deviation),
            In: deviation.reciprocal(),
            Noise: sigma.flatten().log().div(4));
    }
}
