namespace Diffusion.Cli.Configuration;

/// <summary>The options that change a snapshot's own sampler; the same for every verb that samples.</summary>
internal static class SamplerOptions
{
    public static Setting[] Create() =>
    [
        Setting.Integer("--steps", "steps", "Time steps"),
        Setting.Number("--sigma-min", "sigmaMin", "Lowest noise level", "--sigma_min"),
        Setting.Number("--sigma-max", "sigmaMax", "Highest noise level", "--sigma_max"),
        Setting.Number("--rho", "rho", "Exponent of the time steps"),
        Setting.Number("--guidance", "guidance", "Guidance strength; 1 is off"),
        Setting.Number("--s-churn", "sChurn", "Noise added on the way", "--S_churn"),
        Setting.Number("--s-min", "sMin", "Lowest noise level with churn", "--S_min"),
        Setting.Number("--s-max", "sMax", "Highest noise level with churn", "--S_max"),
        Setting.Number("--s-noise", "sNoise", "Scale of added noise", "--S_noise"),
    ];
}
