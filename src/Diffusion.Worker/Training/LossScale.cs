namespace Diffusion.Worker.Training;

/// <summary>
/// The factor on the loss that keeps gradients of half precision from vanishing, found by trial: halved when a step overflows, doubled after a long time without.
/// </summary>
/// <remarks>
/// Always a power of two, so that dividing it out again is exact. It follows from the finiteness of the summed gradients alone, which all ranks see with the same bits
/// (what overflows on one rank is infinite or NaN in everybody's sum), so all ranks change it in the same step without a word about it.
/// </remarks>
/// <param name="Value">The factor of the next step.</param>
/// <param name="FiniteSteps">Steps in a row without overflow since it last changed.</param>
internal readonly record struct LossScale(double Value, long FiniteSteps)
{
    /// <summary>Steps without overflow after which it is doubled.</summary>
    public const long GrowthSteps = 2000;

    /// <summary>At this value a gradient that is not finite is none of the scale's fault.</summary>
    public const double Least = 1;

    private const double Most = 1 << 24;

    /// <summary>The scale of the step after this one.</summary>
    /// <param name="finite">Whether this step's gradient was finite.</param>
    /// <param name="growthSteps">Steps without overflow after which it is doubled.</param>
    public LossScale After(bool finite, long growthSteps = GrowthSteps) => !finite ? new LossScale(Math.Max(Least, Value / 2), 0)
        : FiniteSteps + 1 < growthSteps ? this with { FiniteSteps = FiniteSteps + 1 }
        : new LossScale(Value < Most ? 2 * Value : Value, 0);
}
