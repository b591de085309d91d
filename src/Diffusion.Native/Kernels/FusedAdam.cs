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
    /// <param name="summarize">Whether the result is wanted: on a GPU it is another pass and has to be waited for.</param>
    /// <returns>Norm and finiteness of the scaled gradient, before non-finite values were replaced.</returns>
    public static GradientSummary Apply(
        Arena weights, Arena gradients, Arena firstMoment, Arena secondMoment, ReadOnlySpan<AverageUpdate> averages, AdamStep step, int threads, bool summarize = true)
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

        if (onCpu && NativeKernels.IsAvailable)
        {
            return NativeKernels.Adam(weights, gradients, firstMoment, secondMoment, averages, step, threads);
        }

        var summary = summarize ? ComposedKernels.Summarize(gradients.Flat, (float)step.GradientScale) : default;
#if !USE_PACKAGES
        if (ArenaKernels.AreOnGpu(weights, gradients, firstMoment, secondMoment) && CudaKernels.Instance is { } kernels)
        {
            kernels.Adam(weights, gradients, firstMoment, secondMoment, averages, step);
            return summary;
        }
#endif
        ComposedKernels.Adam(weights, gradients, firstMoment, secondMoment, averages, step);
        return summary;
    }
}
