using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Cli.Metrics;

/// <summary>Reconstructions in words.</summary>
internal static class ReconstructionText
{
    /// <summary>Says in one line which lengths are far from what was asked for; nothing where all are near.</summary>
    public static void WriteRough(PostHocReconstruction plan)
    {
        foreach (var time in plan.Outputs.Where(o => o.Warning is not null).GroupBy(o => o.Target.ImagesSeen))
        {
            string lengths = string.Join(", ", time.Select(o => string.Create(CultureInfo.InvariantCulture, $"{o.Target.RelativeStd:0.###} ({100 * o.Solution.ExpectedError:0} %)")));
            Console.WriteLine($"note: at {ImageCount.Kimg(time.Key)} the snapshots give these lengths only roughly (share of the profile missed): {lengths}. More snapshots, or more lengths tracked, give them better.");
        }
    }
}
