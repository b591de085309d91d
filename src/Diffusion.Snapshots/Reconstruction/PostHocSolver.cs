using Diffusion.Snapshots.Averaging;
using MathNet.Numerics.LinearAlgebra;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>An averaging profile that ends at a training time: a stored snapshot, or one asked for.</summary>
/// <param name="ImagesSeen">End time T, in images, above 0.</param>
/// <param name="RelativeStd">σ_rel.</param>
public readonly record struct ProfileAt(long ImagesSeen, double RelativeStd);

/// <summary>How one profile is made of stored ones.</summary>
/// <param name="Coefficients">Weight of each input, summing to 1; may be negative and large.</param>
/// <param name="ExpectedError">
/// ‖asked − attained‖ / ‖asked‖ over training time, from the profiles alone. 0 where the profile is reached exactly.
/// </param>
/// <param name="NoiseGain">√Σx²: how much independent rounding errors of the inputs, e.g. of float16, grow in the output.</param>
public sealed record PostHocSolution(IReadOnlyList<double> Coefficients, double ExpectedError, double NoiseGain);

/// <summary>Least-squares combination of stored averaging profiles, in double precision.</summary>
/// <remarks>Karras et al., arXiv:2312.02696, Section 3.2 and Algorithm 3.</remarks>
public static class PostHocSolver
{
    /// <summary>Solves for every output at once.</summary>
    /// <param name="inputs">Stored profiles; no two the same.</param>
    /// <param name="outputs">Profiles asked for, at any time.</param>
    /// <returns>One solution per output.</returns>
    /// <exception cref="ReconstructionRefusedException">No inputs, or two of them are the same or too close to tell apart.</exception>
    public static IReadOnlyList<PostHocSolution> Solve(IReadOnlyList<ProfileAt> inputs, IReadOnlyList<ProfileAt> outputs)
    {
        if (inputs.Count == 0)
        {
            throw new ReconstructionRefusedException("There are no snapshots to reconstruct from. Check the directory and the filters.");
        }

        var exponents = inputs.Select(ExponentOf).ToArray();
        var targetExponents = outputs.Select(ExponentOf).ToArray();
        var gram = Matrix<double>.Build.Dense(inputs.Count, inputs.Count,
            (i, k) => Inner(inputs[i], exponents[i], inputs[k], exponents[k]));
        var cross = Matrix<double>.Build.Dense(inputs.Count, outputs.Count,
            (i, j) => Inner(inputs[i], exponents[i], outputs[j], targetExponents[j]));

        // LU with partial pivoting. The columns are then divided by their sums, so that equal weights reproduce themselves.
        var solved = gram.LU().Solve(cross);
        return
        [
            .. outputs.Select((output, j) =>
            {
                var x = solved.Column(j) / solved.Column(j).Sum();
                if (!x.All(double.IsFinite))
                {
                    throw new ReconstructionRefusedException(
                        $"The system of {inputs.Count} snapshots is singular: two of them have the same or almost the same time and length. Remove one of each such pair.");
                }

                double norm = Inner(output, targetExponents[j], output, targetExponents[j]);
                double residual = norm - 2 * x.DotProduct(cross.Column(j)) + x.DotProduct(gram * x);
                return new PostHocSolution(x.ToArray(), Math.Sqrt(Math.Max(0, residual / norm)), x.L2Norm());
            }),
        ];
    }

    private static double ExponentOf(ProfileAt profile) => new PowerFunctionProfile(profile.RelativeStd).Exponent;

    private static double Inner(ProfileAt a, double exponentA, ProfileAt b, double exponentB)
        => PowerFunctionProfile.InnerProduct(exponentA, a.ImagesSeen, exponentB, b.ImagesSeen);
}
