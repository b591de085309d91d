using System.IO.Compression;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Diffusion.Data;

namespace Diffusion.Benchmarks;

/// <summary>One 64x64 image decoded from PNG and JPEG, and read from a packed data set: what packing once is worth.</summary>
public unsafe class DecodeBenchmark : IDisposable
{
    private const int Side = 64;
    private const int Images = 100;
    private const int Quality = 90;
    private readonly byte[] destination = new byte[3 * Side * Side];
    private readonly Folder folder = new();
    private byte[] png = [];
    private byte[] jpeg = [];
    private PackedDataset? packed;
    private int next;

    /// <summary>In this process: a project of its own for every benchmark would be built elsewhere, without this one's settings.</summary>
    internal static void Run() => BenchmarkRunner.Run<DecodeBenchmark>(ManualConfig.Create(DefaultConfig.Instance)
        .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)).WithOptions(ConfigOptions.DisableLogFile)
        .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "diffusion-benchmark-reports")));

    [GlobalSetup]
    public void SetUp()
    {
        ShapesDataset.Write(folder["images"], new ShapesOptions { Count = Images, Resolution = Side }, null, CancellationToken.None);
        packed = new DatasetCache(folder["packed"]).Open(folder["images"], null, CancellationToken.None);
        png = PngWriter.Encode(packed.Image(0), packed.Shape, CompressionLevel.Optimal);
        jpeg = EncodeJpeg(packed.Image(0));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        packed?.Dispose();
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Baseline = true)]
    public void ReadPacked() => packed!.Image(next = (next + 1) % Images).CopyTo(destination);

    [Benchmark]
    public object DecodePng() => ImageDecoder.Decode(png, ".png", "benchmark");

    [Benchmark]
    public object DecodeJpeg() => ImageDecoder.Decode(jpeg, ".jpg", "benchmark");

    private static byte[] EncodeJpeg(ReadOnlySpan<byte> planar)
    {
        byte[] pixels = new byte[planar.Length];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = planar[i % 3 * Side * Side + i / 3];
        }

        nint handle = tjInitCompress();
        byte* file = null;
        nuint length = 0;
        fixed (byte* source = pixels)
        {
            // RGB, no chroma subsampling.
            if (tjCompress2(handle, source, Side, 0, Side, 0, &file, &length, 0, Quality, 0) != 0)
            {
                throw new InvalidOperationException("libjpeg-turbo could not encode the image.");
            }
        }

        byte[] copy = new ReadOnlySpan<byte>(file, (int)length).ToArray();
        tjFree(file);
        _ = tjDestroy(handle);
        return copy;
    }

    [DllImport("libturbojpeg.so.0")]
    private static extern nint tjInitCompress();

    [DllImport("libturbojpeg.so.0")]
    private static extern int tjCompress2(nint handle, byte* source, int width, int pitch, int height, int format, byte** file, nuint* length, int subsampling, int quality, int flags);

    [DllImport("libturbojpeg.so.0")]
    private static extern void tjFree(byte* buffer);

    [DllImport("libturbojpeg.so.0")]
    private static extern int tjDestroy(nint handle);
}
