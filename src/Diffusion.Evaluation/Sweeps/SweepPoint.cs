using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Averaging;

namespace Diffusion.Evaluation.Sweeps;

/// <summary>One measurement of a sweep.</summary>
/// <param name="ImagesSeen">Snapshot time, in images.</param>
/// <param name="RelativeStd">EMA length σ_rel.</param>
/// <param name="Guidance">Guidance weight; 1 for none.</param>
/// <param name="Repetition">0 for the first seeds, 1 for the next set of them, and so on.</param>
public readonly record struct SweepPoint(long ImagesSeen, double RelativeStd, double Guidance = 1, int Repetition = 0)
{
    /// <summary>Names of reconstructed weights say lengths with this many decimals.</summary>
    public const int LengthDecimals = 3;

    /// <summary>Checks the lengths of a sweep.</summary>
    /// <param name="option">What the user calls them.</param>
    /// <param name="lengths">Lengths, as given.</param>
    /// <returns>The same, each the nearest number of three decimals.</returns>
    /// <exception cref="ConfigurationException">One is out of range, has more than three decimals, or is there twice.</exception>
    public static double[] Lengths(string option, IReadOnlyList<double> lengths)
    {
        var rounded = new List<double>();
        foreach (double length in lengths)
        {
            if (!(length >= 0.001 && length < PowerFunctionProfile.MaxRelativeStd))
            {
                throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"{option}: {length} is no EMA length; lengths are fractions of training time from 0.001 up to {PowerFunctionProfile.MaxRelativeStd:0.000}. 0.05 means 5 %."));
            }

            double near = Math.Round(length, LengthDecimals);
            if (Math.Abs(near - length) > 1e-9)
            {
                throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"{option}: {length} has more than three decimals, which names of snapshots do not say. Try {near}."));
            }

            if (rounded.Contains(near))
            {
                throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"{option}: {near} is there twice. A length is measured again, with other seeds, by --repeats."));
            }

            rounded.Add(near);
        }

        return rounded.Count > 0 ? [.. rounded.Order()] : throw new ConfigurationException($"{option} names no length. Give some, as in 0.02,0.03,...,0.25.");
    }

    /// <summary>Every combination, time by time; repetitions last, so that a sweep that is ended early has whole curves.</summary>
    public static IReadOnlyList<SweepPoint> Grid(IReadOnlyList<long> times, IReadOnlyList<double> lengths, IReadOnlyList<double> guidances, int repeats) =>
    [
        .. from repetition in Enumerable.Range(0, repeats)
           from time in times
           from guidance in guidances
           from length in lengths
           select new SweepPoint(time, length, guidance, repetition),
    ];
}
