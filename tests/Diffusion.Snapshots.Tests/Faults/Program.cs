using System.Globalization;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Tests.Reconstruction;

namespace Diffusion.Snapshots.Tests.Faults;

/// <summary>
/// The process that the fault tests kill. Exit codes: 0 saved at once; 3 the first attempt failed with <see cref="SaveFailedException"/> and
/// the second succeeded; 4 the second failed as well.
/// </summary>
internal static class Program
{
    public const int SavedAtSecondAttempt = 3;
    private const int NotSaved = 4;
    private const int BadUsage = 64;

    public static int Main(string[] arguments) => arguments switch
    {
        ["checkpoint", string directory, string images, string seed] => Attempt(() => Scenario.SaveCheckpoint(directory, Long(images), (int)Long(seed))),
        ["snapshot", string directory, string images] => Attempt(() => Scenario.SaveSnapshot(directory, Long(images))),
        ["measure", string directory, string parameters, string count, string distinct, string report] => Measure(directory, Long(parameters), (int)Long(count), (int)Long(distinct), report),
        _ => BadUsage,
    };

    private static int Attempt(Action save)
    {
        for (int result = 0; result <= SavedAtSecondAttempt; result += SavedAtSecondAttempt)
        {
            try
            {
                save();
                return result;
            }
            catch (SaveFailedException)
            {
                // The next round, or the exit code, says so.
            }
        }

        return NotSaved;
    }

    private static int Measure(string directory, long parameters, int count, int distinct, string report)
    {
        ReconstructionMeasurement.WriteSnapshots(directory, parameters, count, distinct);
        var figures = ReconstructionMeasurement.Run(directory, Path.Combine(directory, "out"), [0.03, 0.06, 0.07, 0.08, 0.12, 0.15, 0.2, 0.25]);
        File.WriteAllText(report, figures.ToString());
        return 0;
    }

    private static long Long(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}

/// <summary>What is saved, by the process under test and by the undisturbed one.</summary>
internal static class Scenario
{
    public static readonly ArenaLayout Layout = new([new("w", [40], 0)]);

    public static void SaveCheckpoint(string directory, long images, int seed)
    {
        using var writer = CheckpointWriter.Open(directory, new CheckpointRetention(KeepLast: 1));
        writer.Save(
            new CheckpointState { RunId = "run", ImagesSeen = images, Steps = 1, ConfigDigest = "c" },
            Layout,
            [CheckpointArena.FromMemory("params", Values(seed)), CheckpointArena.FromMemory("ema-0.050", Values(seed + 1))]);
        writer.RemoveExpired();
    }

    public static void SaveSnapshot(string directory, long images)
    {
        AtomicFile.RemoveLeftovers(directory);
        using var catalogue = SnapshotCatalogue.Open(directory);
        catalogue.Reconcile();
        new SnapshotWriter(directory, catalogue).Write(
            new SnapshotInfo { RunId = "run", ImagesSeen = images, RelativeStd = 0.05 }, [new("w", [40])], _ => Values((int)images));
    }

    public static float[] Values(int seed) => [.. Enumerable.Range(0, 40).Select(i => seed + i / 64f)];

    public static float[] Load(Checkpoint checkpoint, string arena)
    {
        var values = new float[Layout.Length];
        checkpoint.Read(arena, Layout, values);
        return values;
    }
}
