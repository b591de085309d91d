using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Averaging;

namespace Diffusion.Worker.Training;

/// <summary>How one average of the weights is tracked.</summary>
/// <param name="ArenaName">Name in checkpoints.</param>
/// <param name="RelativeStd">σ_rel of a power-function average; null for a traditional one.</param>
/// <param name="HalfLifeImages">Half-life of a traditional average; null for a power-function one.</param>
/// <param name="Beta">Decay by (images seen after the step, images of the step).</param>
internal sealed record AverageTrack(string ArenaName, double? RelativeStd, double? HalfLifeImages, Func<long, long, double> Beta)
{
    /// <summary>Where the average's snapshots go below the run's snapshots: traditional ones apart, since lengths cannot be reconstructed from them.</summary>
    public string Folder => RelativeStd is null ? ArenaName["ema.".Length..] : "";

    /// <summary>The length in a snapshot's name.</summary>
    /// <param name="imagesSeen">Images seen by the run.</param>
    /// <returns>σ_rel; of a traditional average the standard deviation h/ln 2 of an exponential as a fraction of training time.</returns>
    public double StdAt(long imagesSeen) => RelativeStd ?? HalfLifeImages!.Value / Math.Log(2) / imagesSeen;

    /// <summary>Shape of the averaging profile, for the snapshot's header.</summary>
    public string Profile => RelativeStd is null ? string.Create(CultureInfo.InvariantCulture, $"half-life {HalfLifeImages:0.###} images") : "power-function";

    /// <summary>The averages a run asks for: power-function ones first.</summary>
    public static IEnumerable<AverageTrack> Of(RunConfig config)
    {
        foreach (double relativeStd in config.Averaging.RelativeStds)
        {
            yield return new AverageTrack(
                string.Create(CultureInfo.InvariantCulture, $"ema.{relativeStd:0.000}"), relativeStd, null, new PowerFunctionProfile(relativeStd).Beta);
        }

        foreach (double halfLife in config.Averaging.HalfLivesImages)
        {
            yield return new AverageTrack(
                string.Create(CultureInfo.InvariantCulture, $"ema.half-life.{halfLife:0.###}"), null, halfLife, new TraditionalEma(halfLife / 1e6, config.Averaging.RampUpRatio).Beta);
        }
    }
}
