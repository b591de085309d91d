using System.Text.Json.Serialization;

namespace Diffusion.Model.Sampling;

/// <summary>Number format of the sampler's state and time steps; the network is evaluated in its own.</summary>
public enum StatePrecision
{
    /// <summary>Single precision, as EDM2 samples.</summary>
    Float32,

    /// <summary>Double precision.</summary>
    Float64,
}

/// <summary>Options of <see cref="HeunSampler"/>; the defaults are EDM2's.</summary>
public sealed record HeunOptions
{
    /// <summary>Time steps N; the network is evaluated 2N − 1 times.</summary>
    public int Steps { get; init; } = 32;

    /// <summary>Smallest noise level before 0.</summary>
    public double SigmaMin { get; init; } = 0.002;

    /// <summary>Noise level to start from.</summary>
    public double SigmaMax { get; init; } = 80;

    /// <summary>Exponent ρ of the grid; larger values put more steps at low noise.</summary>
    public double Rho { get; init; } = 7;

    /// <summary>Guidance strength; at 1 the guiding network is not evaluated.</summary>
    public double Guidance { get; init; } = 1;

    /// <summary>Amount of noise added and removed again over the whole path; 0 is deterministic.</summary>
    public double SChurn { get; init; }

    /// <summary>Lowest noise level with churn.</summary>
    public double SMin { get; init; }

    /// <summary>Highest noise level with churn.</summary>
    public double SMax { get; init; } = double.PositiveInfinity;

    /// <summary>Magnitude of churned noise.</summary>
    public double SNoise { get; init; } = 1;

    /// <summary>Number format of the state.</summary>
    public StatePrecision State { get; init; }

    [JsonIgnore]
    internal ScalarType StateType => State == StatePrecision.Float64 ? ScalarType.Float64 : ScalarType.Float32;

    /// <summary>Every problem found.</summary>
    public IEnumerable<string> Problems()
    {
        if (Steps < 2)
        {
            yield return $"steps is {Steps}; at least 2, since the grid runs from sigmaMax to sigmaMin.";
        }

        if (!(SigmaMin > 0 && SigmaMax > SigmaMin && double.IsFinite(SigmaMax)))
        {
            yield return $"sigmaMin is {SigmaMin} and sigmaMax {SigmaMax}; 0 < sigmaMin < sigmaMax is needed.";
        }

        if (!(Rho > 0 && double.IsFinite(Rho)))
        {
            yield return $"rho is {Rho}; it must be positive.";
        }

        if (!double.IsFinite(Guidance))
        {
            yield return $"guidance is {Guidance}; it must be finite.";
        }

        if (!(SChurn >= 0 && SNoise >= 0 && SMin <= SMax))
        {
            yield return $"sChurn is {SChurn}, sNoise {SNoise}, sMin {SMin}, sMax {SMax}; the first two must not be negative, and sMin not above sMax.";
        }
    }
}
