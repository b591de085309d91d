namespace Diffusion.Cli.Report;

/// <summary>What a report measures.</summary>
internal sealed record ReportOptions
{
    /// <summary>EMA lengths to reconstruct and measure.</summary>
    public IReadOnlyList<double> Lengths { get; init; } = [0.02, 0.03, 0.045, 0.065, 0.09, 0.12, 0.16, 0.2, 0.25];

    /// <summary>Noise levels each held-out image is measured at.</summary>
    public int DrawsPerImage { get; init; } = 4;

    /// <summary>Seed of the first sample.</summary>
    public long FirstSeed { get; init; }

    /// <summary>Decoder of a run on latents, as TorchScript; without one its samples are not drawn.</summary>
    public string? Autoencoder { get; init; }

    /// <summary>Where the run's images lie packed; null to find them by the run's configuration.</summary>
    public string? PackedData { get; init; }
}
