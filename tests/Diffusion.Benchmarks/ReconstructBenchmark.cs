using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Benchmarks;

/// <summary>Post-hoc reconstruction of several lengths against reading the same bytes, and against reading and converting them to float32 once.</summary>
internal static class ReconstructBenchmark
{
    private const int BufferBytes = 1 << 18;
    private static readonly double[] Lengths = [0.04, 0.06, 0.08, 0.10, 0.12, 0.15, 0.20, 0.25];

    public static void Run(Options options)
    {
        int snapshots = options["snapshots", 64];
        long parameters = options["parameters", 4_000_000];
        using var folder = new Folder();
        WriteSnapshots(folder["in"], snapshots, parameters);
        using var set = SnapshotSet.Open(folder["in"]);
        var lengths = Lengths[..options["lengths", Lengths.Length]];
        long bytes = set.Paths.Sum(path => new FileInfo(path).Length);
        Console.WriteLine($"{lengths.Length} lengths from {snapshots} float16 snapshots of {parameters} parameters, {bytes / 1e9:F2} GB, {Environment.ProcessorCount} threads");
        Paired.Print(
            options["turns", 5],
            [
                new("read and convert once", () => Each(set, Convert)),
                new("read and convert once, TensorPrimitives", () => Each(set, ConvertGenerally)),
                new("read", () => Each(set, Read)),
                new("reconstruct", () => Reconstruct(set, lengths, folder["out"], verify: false)),
                new("verify inputs and reconstruct", () => Reconstruct(set, lengths, folder["out"], verify: true)),
            ],
            bytes / 1e9, "GB");
    }

    /// <summary>All files differ, and each is written whole: neither links nor holes flatter the reader.</summary>
    private static void WriteSnapshots(string directory, int count, long parameters)
    {
        Directory.CreateDirectory(directory);
        var block = new float[1 << 18];
        for (int i = 0; i < count; i++)
        {
            var random = new Random(i);
            string name = string.Create(CultureInfo.InvariantCulture, $"net-{(i / 2 + 1) * 1024:D7}-{(i % 2 == 0 ? 0.05 : 0.1):F3}.safetensors");
            using var writer = SafetensorsWriter.Create(Path.Combine(directory, name), [new("weight", ElementType.Float16, [parameters])], new Dictionary<string, string>());
            for (long done = 0; done < parameters; done += block.Length)
            {
                Array.ForEach(Enumerable.Range(0, block.Length).ToArray(), e => block[e] = random.NextSingle() * 2 - 1);
                writer.WriteFloat32(block.AsSpan(0, (int)Math.Min(block.Length, parameters - done)));
            }

            writer.Complete();
        }
    }

    private static void Reconstruct(SnapshotSet set, double[] lengths, string outputs, bool verify)
        => PostHocReconstruction.Plan(set, lengths).Run(outputs, new ReconstructionOptions { VerifyInputs = verify });

    private static void Each(SnapshotSet set, Action<string> body) => Parallel.ForEach(set.Paths, body);

    private static void Read(string path) => ReadAll(path, _ => { });

    private static void Convert(string path)
    {
        var values = new float[BufferBytes / 2];
        ReadAll(path, bytes => FloatConversion.ToFloat32(ElementType.Float16, bytes.Span, values.AsSpan(0, bytes.Length / 2)));
    }

    private static void ConvertGenerally(string path)
    {
        var values = new float[BufferBytes / 2];
        ReadAll(path, bytes => TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes.Span), values));
    }

    private static void ReadAll(string path, Action<ReadOnlyMemory<byte>> use)
    {
        using var handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var buffer = new byte[BufferBytes];
        for (long at = 0; RandomAccess.Read(handle, buffer, at) is > 0 and int read; at += read)
        {
            use(buffer.AsMemory(0, read));
        }
    }
}
