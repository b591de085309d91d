using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Cli.Metrics;

/// <summary>The weights of a run at an EMA length and a snapshot time, reconstructed into the run's folder when they are not there yet.</summary>
internal static class RunNetwork
{
    /// <summary>Names have three decimals; a length with more would be taken for its neighbour.</summary>
    private const double LengthStep = 0.001;

    /// <param name="run">The run.</param>
    /// <param name="length">EMA length σ_rel.</param>
    /// <param name="kimg">Snapshot time in thousands of images, as snapshot names say it; null for the last.</param>
    /// <param name="cancellationToken">Ends the reconstruction.</param>
    /// <returns>A snapshot file.</returns>
    /// <exception cref="ConfigurationException">There is no such time, or the length is out of range.</exception>
    public static string Get(RunDirectory run, double length, double? kimg, CancellationToken cancellationToken)
    {
        if (Math.Abs((length / LengthStep) - Math.Round(length / LengthStep)) > 1e-6)
        {
            throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"--length is {length}; files of snapshots say it with three decimals. Try {Math.Round(length, 3)}."));
        }

        using var snapshots = SnapshotSet.Open(run.Snapshots);
        long[] times = [.. snapshots.Profiles.Select(p => p.ImagesSeen).Distinct().Order()];
        long time = kimg is null ? times[^1] : times.Where(t => t / 1000 == (long)kimg).DefaultIfEmpty(-1).First();
        if (time < 0)
        {
            throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"--at is {kimg}, but {run.Shown} has no snapshot of that time. There are {string.Join(", ", times.Select(t => t / 1000).TakeLast(12))} (thousand images)."));
        }

        string directory = Path.Combine(run.Path, "reconstructed");
        string path = Path.Combine(directory, SnapshotName.For(SnapshotName.PostHoc, time, length).FileName);
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(directory);
            var plan = PostHocReconstruction.Plan(snapshots, [length], [time]);
            foreach (var output in plan.Outputs.Where(o => o.Warning is not null))
            {
                Console.WriteLine($"note: {output.Warning}");
            }

            plan.Run(directory, new ReconstructionOptions { VerifyInputs = true }, cancellationToken: cancellationToken);
        }

        return path;
    }
}
