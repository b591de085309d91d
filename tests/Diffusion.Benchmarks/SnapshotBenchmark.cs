using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Benchmarks;

/// <summary>Writing one snapshot, digest and fsync included, against writing the same number of bytes with an fsync.</summary>
internal static class SnapshotBenchmark
{
    public static void Run(Options options)
    {
        int parameters = options["parameters", 10_000_000];
        var random = new Random(1);
        var values = new float[parameters];
        Array.ForEach(Enumerable.Range(0, parameters).ToArray(), e => values[e] = random.NextSingle() * 2 - 1);
        using var folder = new Folder();
        Directory.CreateDirectory(folder["out"]);
        Console.WriteLine($"{parameters} parameters, float16 {2 * parameters / 1e6:F0} MB, float32 {4 * parameters / 1e6:F0} MB");
        Paired.Print(
            options["turns", 7],
            [
                new("plain write and fsync, float16", () => Plain(folder["plain"], new byte[2 * parameters])),
                new("snapshot, float16", () => Write(folder["out"], ElementType.Float16, values)),
                new("snapshot, float32", () => Write(folder["out"], ElementType.Float32, values)),
            ],
            parameters / 1e6, "M parameters");
    }

    private static void Plain(string path, byte[] bytes)
    {
        using var handle = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        RandomAccess.Write(handle, bytes, 0);
        RandomAccess.FlushToDisk(handle);
    }

    private static void Write(string directory, ElementType type, float[] values)
        => new SnapshotWriter(directory, elementType: type).Write(
            new SnapshotInfo { RunId = "benchmark", ImagesSeen = 1024, RelativeStd = 0.05 }, [new("weight", [values.Length])], _ => values);
}
