namespace Diffusion.Evaluation.Sweeps;

/// <summary>Where the best length lies within the range that was looked at.</summary>
public enum LengthVerdict
{
    /// <summary>Within the range.</summary>
    Inside,

    /// <summary>At the shortest length of the range: a shorter one may be better.</summary>
    AtShortEnd,

    /// <summary>At the longest length of the range: a longer one may be better.</summary>
    AtLongEnd,

    /// <summary>Nowhere: what lengths differ by is less than the noise.</summary>
    Flat,
}

/// <summary>The best EMA length as far as the measurements tell, with 95 % intervals.</summary>
/// <param name="Verdict">Where it lies.</param>
/// <param name="RelativeStd">The length σ_rel.</param>
/// <param name="Low">Lower end of the interval of the length.</param>
/// <param name="High">Upper end.</param>
/// <param name="Value">The metric expected at <paramref name="RelativeStd"/>.</param>
/// <param name="ValueLow">Lower end of the metric's interval there.</param>
/// <param name="ValueHigh">Upper end.</param>
/// <param name="Curvature">Second derivative of the metric by log length there.</param>
/// <param name="Noise">Standard deviation of a measurement around the curve of its seeds.</param>
public sealed record LengthEstimate(LengthVerdict Verdict, double RelativeStd, double Low, double High, double Value, double ValueLow, double ValueHigh, double Curvature, double Noise)
{
    /// <summary>Width of the interval in log length.</summary>
    public double LogWidth => Math.Log(High / Low);

    /// <summary>The parabola in log length that touches the curve at its minimum.</summary>
    public double ParabolaAt(double relativeStd)
    {
        double distance = Math.Log(relativeStd / RelativeStd);
        return Value + (0.5 * Curvature * distance * distance);
    }
}
