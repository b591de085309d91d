using Diffusion.Evaluation.Distances;

namespace Diffusion.Evaluation.Golden;

/// <summary>Every check, one for each kind of case. A new kind adds its line here.</summary>
public static class GoldenChecks
{
    /// <summary>The checks.</summary>
    public static IReadOnlyList<IGoldenCheck> All { get; } =
    [
        new OperationsCheck(), new NetworkCheck(), new SamplerCheck(), new PhemaCheck(), new ReconstructionCheck(), new SchedulesCheck(), new FrechetCheck(), new KernelCheck(), new DatasetCheck(),
    ];
}
