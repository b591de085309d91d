using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Cli.Soak;

/// <summary>The result of a run: parameters, Adam's moments, averages, and every snapshot on the way.</summary>
internal sealed class SoakBits
{
    private readonly SortedDictionary<string, string> paths = new(StringComparer.Ordinal);

    private SoakBits(RunDirectory run)
    {
        var latest = new CheckpointStore(run.Checkpoints).Latest();
        var checkpoint = latest.Checkpoint ?? throw new VerbFailedException($"{run.Shown} holds no whole checkpoint.");
        Steps = checkpoint.Manifest.Steps;
        foreach (string path in Directory.EnumerateFiles(checkpoint.Path, "*.safetensors").Concat(Directory.EnumerateFiles(run.Snapshots, "*.safetensors", SearchOption.AllDirectories)))
        {
            paths[Path.GetFileName(path)] = path;
        }
    }

    /// <summary>Steps of the last whole checkpoint.</summary>
    public long Steps { get; }

    public int Files => paths.Count;

    public static SoakBits Of(RunDirectory run) => new(run);

    /// <summary>Bytes of all tensors.</summary>
    public long Bytes => paths.Values.Sum(path => new FileInfo(path).Length);

    /// <summary>Compares by the SHA-256 of each file's numbers; where they differ, counts.</summary>
    /// <returns>Differing bytes, and a sentence for each file that differs.</returns>
    public (long Bytes, IReadOnlyList<string> Differences) CompareWith(SoakBits undisturbed)
    {
        var differences = new List<string>();
        long bytes = 0;
        foreach (string name in paths.Keys.Union(undisturbed.paths.Keys))
        {
            if (!paths.TryGetValue(name, out string? ours) || !undisturbed.paths.TryGetValue(name, out string? theirs))
            {
                bytes += new FileInfo(paths.GetValueOrDefault(name) ?? undisturbed.paths[name]).Length;
                differences.Add($"{name} is {(paths.ContainsKey(name) ? "not in the undisturbed run" : "missing")}.");
                continue;
            }

            using var a = SafetensorsFile.Open(ours);
            using var b = SafetensorsFile.Open(theirs);
            if (a.Verify().DataSha256 == b.Verify().DataSha256)
            {
                continue;
            }

            long differing = a.Tensors.Sum(tensor => Differing(a.Bytes(tensor.Name), b.Bytes(tensor.Name)));
            bytes += differing;
            differences.Add($"{name} differs in {differing} bytes.");
        }

        return (bytes, differences);
    }

    private static long Differing(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        long count = Math.Abs(a.Length - b.Length);
        for (int i = 0; i < Math.Min(a.Length, b.Length); i++)
        {
            count += a[i] == b[i] ? 0 : 1;
        }

        return count;
    }
}
