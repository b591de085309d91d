using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Library;

namespace Diffusion.Cli.Display;

/// <summary>Runs and snapshots in words.</summary>
internal static class SnapshotText
{
    public static string Line(ServedRun run) => run.SnapshotCount == 0
        ? $"{run.Name}: no snapshots yet"
        : $"{run.Name}: {run.SnapshotCount} snapshots to {run.LatestImagesSeen} images ({ImageCount.Kimg(run.LatestImagesSeen)}), lengths {Lengths(run.TrackedLengths)} tracked";

    public static string Lengths(IEnumerable<double> lengths) => string.Join(", ", lengths.Select(length => length.ToString("0.000###", CultureInfo.InvariantCulture)));
}
