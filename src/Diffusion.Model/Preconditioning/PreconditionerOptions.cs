namespace Diffusion.Model.Preconditioning;

/// <summary>Options of EDM2's preconditioning.</summary>
public sealed record PreconditionerOptions
{
    /// <summary>Standard deviation σ_data the images are assumed to have.</summary>
    public double SigmaData { get; init; } = 0.5;

    /// <summary>Fourier features behind the learned log variance.</summary>
    public int LogvarChannels { get; init; } = 128;

    /// <summary>Every problem found.</summary>
    public IEnumerable<string> Problems()
    {
        if (SigmaData is not (> 0 and < double.PositiveInfinity))
        {
            yield return $"sigmaData is {SigmaData}; it must be positive. 0.5 is what the encoders produce.";
        }

        if (LogvarChannels < 1)
        {
            yield return $"logvarChannels is {LogvarChannels}; at least 1.";
        }
    }
}
