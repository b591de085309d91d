namespace Diffusion.Native;

/// <summary>Adam, all weight averages, clearing the gradients and their norm in one pass over the arenas.</summary>
public static class FusedAdam
{
    /// <summary>Takes one step.</summary>
    /// <remarks>
    /// Kingma and Ba, arXiv:1412.6980, Algorithm 1: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w − (lr/(1 − β₁ᵏ))·m / (√v/√(1 − β₂ᵏ) + ε).
    /// Every operation rounds to float32 by itself (no fused multiply-add), so all instruction sets and thread counts give the same bits.
    /// </remarks>
    /// <param name="weights">w; moves.</param>
    /// <param name="gradients">g; cleared if <see cref="AdamStep.ZeroGradients"/>.</param>
    /// <param name="firstMoment">m.</param>
    /// <param name="secondMoment">v.</param>
    /// <param name="averages">Averages to update with the new weights.</param>
    /// <param name="step">Scalars of the step.</param>
    /// <param name="threads">Number of threads; changes the speed, never the result.</param>
    /// <returns>Norm and finiteness of the scaled gradient, before non-finite values were replaced.</returns>
    public static GradientSummary Apply(
        Arena weights, Arena gradients, Arena firstMoment, Arena secondMoment, ReadOnlySpan<AverageUpdate> averages, AdamStep step, int threads)
    {
        step.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        weights.RequireSameLayout(gradients);
        weights.RequireSameLayout(firstMoment);
        weights.RequireSameLayout(secondMoment);
        bool onCpu = weights.IsOnCpu && gradients.IsOnCpu && firstMoment.IsOnCpu && secondMoment.IsOnCpu;
        foreach (var update in averages)
        {
            weights.RequireSameLayout(update.Average);
            onCpu &= update.Average.IsOnCpu;
            if (update.Beta is not (>= 0 and <= 1))
            {
                throw new ArgumentOutOfRangeException(nameof(averages), update.Beta, $"An average's beta is {update.Beta}; it must be in [0, 1].");
            }
        }

        return onCpu && NativeKernels.IsAvailable
            ? NativeKernels.Adam(weights, gradients, firstMoment, secondMoment, averages, step, threads)
            : ComposedKernels.Adam(weights, gradients, firstMoment, secondMoment, averages, step);
    }
}
