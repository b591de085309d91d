namespace Diffusion.Native;

/// <summary>Scalars of one Adam step.</summary>
public sealed record AdamStep
{
    /// <summary>Learning rate of this step. Zero is allowed: the moments still move.</summary>
    public required double LearningRate { get; init; }

    /// <summary>k, 1 at the first step; enters the bias correction 1 − β^k.</summary>
    public required long Step { get; init; }

    /// <summary>Decay β₁ of the first moment.</summary>
    /// <value>0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay β₂ of the second moment.</summary>
    /// <value>0.99, as in EDM2.</value>
    public double Beta2 { get; init; } = 0.99;

    /// <summary>ε, added to the square root, not under it.</summary>
    /// <value>1e-8.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Factor on the gradient before anything else, e.g. one over the number of terms in a sum.</summary>
    /// <value>1.</value>
    public double GradientScale { get; init; } = 1;

    /// <summary>Whether NaN and infinite gradients count as 0, as in EDM2. Otherwise they reach the weights: look at <see cref="ArenaKernels.Summarize"/> first.</summary>
    /// <value>false.</value>
    public bool ReplaceNonFinite { get; init; }

    /// <summary>Whether the gradient arena is left at zero, ready for the next backward pass.</summary>
    /// <value>true.</value>
    public bool ZeroGradients { get; init; } = true;

    /// <summary>lr / (1 − β₁^k).</summary>
    internal double StepSize => LearningRate / (1 - Math.Pow(Beta1, Step));

    /// <summary>√(1 − β₂^k).</summary>
    internal double RootCorrection2 => Math.Sqrt(1 - Math.Pow(Beta2, Step));

    internal void Validate()
    {
        Require(Step >= 1, nameof(Step), Step, "at least 1: the first step is number 1");
        Require(double.IsFinite(LearningRate) && LearningRate >= 0, nameof(LearningRate), LearningRate, "finite and not negative");
        Require(Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "in [0, 1)");
        Require(Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "in [0, 1)");
        Require(double.IsFinite(Epsilon) && Epsilon >= 0, nameof(Epsilon), Epsilon, "finite and not negative");
        Require(double.IsFinite(GradientScale), nameof(GradientScale), GradientScale, "finite");
    }

    private static void Require(bool holds, string name, double value, string rule)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(name, value, $"Adam's {name} is {value}; it must be {rule}.");
        }
    }
}

/// <summary>One running average to bring up to date after the weights have moved: e ← e + (1 − β)·(w − e).</summary>
/// <param name="Average">The average, same layout as the weights.</param>
/// <param name="Beta">β in [0, 1]; 0 copies the weights exactly.</param>
public readonly record struct AverageUpdate(Arena Average, double Beta);
