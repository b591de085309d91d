using System.Globalization;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>
/// Lists of numbers as the field writes them: <c>0.05,0.10</c> or <c>0.01,0.02,...,0.25</c>, where the ellipsis goes on in steps of the
/// difference of the two numbers before it.
/// </summary>
public static class LengthList
{
    private const string Ellipsis = "...";
    private const double StepTolerance = 1e-4;
    private const int MaxSteps = 1_000_000;

    /// <summary>Reads a list.</summary>
    /// <param name="text">The list.</param>
    /// <returns>Ascending, without repetitions. Filled values are multiples of the step added to the number before the ellipsis, so 0.02 may read 0.019999999999999997.</returns>
    /// <exception cref="FormatException">A part is no number, or an ellipsis has no two numbers before and one after that it leads to.</exception>
    public static double[] Parse(string text)
    {
        var values = new List<double>();
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i] == Ellipsis)
            {
                Fill(text, values, i + 1 < parts.Length ? parts[i + 1] : "");
            }
            else
            {
                values.Add(Number(text, parts[i]));
            }
        }

        return [.. values.Distinct().Order()];
    }

    /// <summary>Adds what lies between the numbers before the ellipsis and the one after it, which the caller adds itself.</summary>
    private static void Fill(string text, List<double> values, string next)
    {
        if (values.Count < 2)
        {
            throw new FormatException($"'{text}': '{Ellipsis}' needs two numbers before it to know the step, as in 0.01,0.02,...,0.25.");
        }

        double last = values[^1];
        double step = last - values[^2];
        double end = Number(text, next);
        double steps = (end - last) / step;
        double whole = Math.Round(steps);
        if (step == 0 || !(whole >= 1 && whole <= MaxSteps) || Math.Abs(steps - whole) > StepTolerance)
        {
            throw new FormatException(
                string.Create(CultureInfo.InvariantCulture, $"'{text}': from {last} in steps of {step} one does not arrive at {end}. Choose an end that is a whole number of steps away."));
        }

        for (int i = 1; i < (int)whole; i++)
        {
            values.Add(last + i * step);
        }
    }

    private static double Number(string text, string part)
        => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
            ? value
            : throw new FormatException($"'{text}': '{part}' is no number. Separate numbers by commas, as in 0.05,0.10 or 0.01,0.02,...,0.25.");
}
