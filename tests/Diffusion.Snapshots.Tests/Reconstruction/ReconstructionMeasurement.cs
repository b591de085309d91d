using System.Diagnostics;
using System.Globalization;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Reconstruction;

/// <summary>What one measurement found.</summary>
/// <param name="Bytes">Bytes of all snapshots.</param>
/// <param name="PlainRead">Reading those bytes into a buffer, on all cores: the floor.</param>
/// <param name="Reconstruction">Reading, combining, hashing and writing.</param>
/// <param name="PeakResidentBytes">Most memory the process held, by the system's own account.</param>
internal sealed record ReconstructionFigures(long Bytes, TimeSpan PlainRead, TimeSpan Reconstruction, long PeakResidentBytes);

/// <summary>Reconstruction against a plain read of the same bytes. Also compiled into the benchmarks.</summary>
internal static class ReconstructionMeasurement
{
    /// <summary>Writes <paramref name="distinct"/> snapshots of a made-up network and links them under the names of <paramref name="count"/>.</summary>
    public static void WriteSnapshots(string directory, long parameters, int count, int distinct)
    {
        string pool = Directory.CreateDirectory(Path.Combine(directory, "pool")).FullName;
        var block = new float[1 << 20];
        var random = new Random(1);
        for (int i = 0; i < distinct; i++)
        {
            // No metadata: times and lengths come from the names, so that one file can stand for several snapshots.
            using var writer = SafetensorsWriter.Create(Path.Combine(pool, $"{i}"), [new("weight", ElementType.Float16, [parameters])], new Dictionary<string, string>());
            for (int e = 0; e < block.Length; e++)
            {
                block[e] = random.NextSingle();
            }

            for (long done = 0; done < parameters; done += block.Length)
            {
                writer.WriteFloat32(block.AsSpan(0, (int)Math.Min(block.Length, parameters - done)));
            }

            writer.Complete();
        }

        for (int i = 0; i < count; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"net-{(i / 2 + 1) * 1024:D7}-{(i % 2 == 0 ? 0.05 : 0.1):F3}.safetensors");
            File.CreateSymbolicLink(Path.Combine(directory, name), Path.Combine(pool, $"{i % distinct}"));
        }
    }

    public static ReconstructionFigures Run(string directory, string outputs, IReadOnlyCollection<double> lengths)
    {
        using var set = SnapshotSet.Open(directory);
        long bytes = set.Paths.Sum(path => new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : new FileInfo(path).Length);
        var plain = Time(() => Parallel.ForEach(set.Paths, ReadAll));
        var reconstruction = Time(() => PostHocReconstruction.Plan(set, lengths).Run(outputs));
        return new ReconstructionFigures(bytes, plain, reconstruction, PeakResident());
    }

    private static TimeSpan Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start);
    }

    private static void ReadAll(string path)
    {
        using var handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var buffer = new byte[1 << 20];
        for (long at = 0; RandomAccess.Read(handle, buffer, at) is > 0 and int read; at += read)
        {
        }
    }

    private static long PeakResident() => File.ReadLines("/proc/self/status").Where(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
        .Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024).Single();
}
