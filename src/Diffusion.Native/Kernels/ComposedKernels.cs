using TorchSharp;

namespace Diffusion.Native;

/// <summary>The kernels as TorchSharp operations: for arenas outside the CPU's memory, and where the compiled library is missing. Same maths, more passes.</summary>
/// <remarks>Operations that a backend may fuse into one rounding (add with a factor, addcmul, lerp) are avoided, so that on the CPU the bits are the compiled kernels'.</remarks>
internal static class ComposedKernels
{
    public static void Add(Arena destination, Arena left, Arena right)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        destination.Flat.copy_(left.Flat.add(right.Flat));
    }

    public static void Scale(Arena arena, float factor)
    {
        using var guard = torch.no_grad();
        arena.Flat.mul_(factor);
    }

    public static GradientSummary Summarize(Arena arena) => Summarize(arena.Flat, 1);

    public static void Adam(Arena weights, Arena gradients, Arena firstMoment, Arena secondMoment, ReadOnlySpan<AverageUpdate> averages, AdamStep step)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var (w, m, v) = (weights.Flat, firstMoment.Flat, secondMoment.Flat);
        var g = gradients.Flat;
        if (step.ReplaceNonFinite)
        {
            g = g.nan_to_num(0, 0, 0);
        }

        g = g.mul((float)step.GradientScale);
        m.mul_((float)step.Beta1).add_(g.mul((float)(1 - step.Beta1)));
        v.mul_((float)step.Beta2).add_(g.mul(g).mul_((float)(1 - step.Beta2)));
        var denominator = v.sqrt().div_((float)step.RootCorrection2).add_((float)step.Epsilon);
        w.sub_(m.mul((float)step.StepSize).div_(denominator));
        foreach (var (average, beta) in averages)
        {
            Average(average.Flat, w, (float)(1 - beta));
        }

        if (step.ZeroGradients)
        {
            gradients.Flat.zero_();
        }
    }

    private static void Average(torch.Tensor average, torch.Tensor weights, float oneMinusBeta)
    {
        if (oneMinusBeta == 1)
        {
            average.copy_(weights);
        }
        else
        {
            average.add_(weights.sub(average).mul_(oneMinusBeta));
        }
    }

    public static GradientSummary Summarize(torch.Tensor values, float factor)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var finite = values.isfinite();
        var scaled = torch.where(finite, values, torch.zeros_like(values)).mul(factor).to(torch.ScalarType.Float64);

        // One reading for both numbers: each would wait for the device.
        double[] both = torch.stack([scaled.mul(scaled).sum(), finite.sum().to(torch.ScalarType.Float64)]).cpu().data<double>().ToArray();
        return new GradientSummary(both[0], values.NumberOfElements - (long)both[1]);
    }
}
