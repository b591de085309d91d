using System.Globalization;
using Diffusion.Serving;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Library;
using Diffusion.V1;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Benchmarks;

/// <summary>Weights over gRPC in checksummed chunks against a plain HTTP GET of the same file, on loopback, server and client in this process.</summary>
internal static class ServeBenchmark
{
    private const double Length = 0.05;
    private const int TensorElements = 1 << 20;

    public static void Run(Options options)
    {
        int megabytes = options["megabytes", 256];
        using var folder = new Folder();
        Write(folder["run"], megabytes);
        var server = SnapshotServer.StartAsync(new SnapshotServerOptions { Runs = [folder["run"]], Library = new SnapshotLibraryOptions { CacheDirectory = folder["cache"] } }, NullLoggerFactory.Instance, CancellationToken.None).GetAwaiter().GetResult();
        using var http = new HttpClient { BaseAddress = new Uri($"http://{server.Http}") };
        using var channel = GrpcChannel.ForAddress($"http://{server.Grpc}");
        using var client = new SnapshotClient(server.Grpc.ToString());
        Console.WriteLine($"{megabytes} MiB of float16 weights, {Environment.ProcessorCount} processors");
        try
        {
            Paired.Print(
                options["turns", 7],
                [
                    new("HTTP GET, bytes dropped", () => GetAsync(http, Stream.Null).GetAwaiter().GetResult()),
                    new("gRPC stream, bytes dropped", () => StreamAsync(channel).GetAwaiter().GetResult()),
                    new("HTTP GET into a file", () => GetToFileAsync(http, folder["got"]).GetAwaiter().GetResult()),
                    new("client: checksums, digest, file, fsync", () => client.FetchAsync(new WeightsQuery("run", Length), folder["fetched"], null, CancellationToken.None).GetAwaiter().GetResult()),
                ],
                megabytes * 1.048576e-3, "GB");
        }
        finally
        {
            server.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static async Task GetAsync(HttpClient http, Stream destination)
    {
        using var response = await http.GetAsync(string.Create(CultureInfo.InvariantCulture, $"/runs/run/snapshots/latest/ema/{Length}.safetensors"), HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync();
        await body.CopyToAsync(destination, 1 << 20);
    }

    private static async Task GetToFileAsync(HttpClient http, string path)
    {
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        await GetAsync(http, file);
        file.Flush(flushToDisk: true);
    }

    private static async Task StreamAsync(GrpcChannel channel)
    {
        using var call = new SnapshotService.SnapshotServiceClient(channel).StreamWeights(new StreamWeightsRequest { Weights = new WeightsSelection { RelativeStd = Length } });
        while (await call.ResponseStream.MoveNext(CancellationToken.None))
        {
        }
    }

    private static void Write(string run, int megabytes)
    {
        string snapshots = Path.Combine(run, "snapshots");
        Directory.CreateDirectory(snapshots);
        var random = new Random(1);
        float[] values = [.. Enumerable.Range(0, TensorElements).Select(_ => random.NextSingle() * 2 - 1)];
        new SnapshotWriter(snapshots).Write(
            new SnapshotInfo { RunId = "benchmark", ImagesSeen = 1024, RelativeStd = Length },
            [.. Enumerable.Range(0, Math.Max(1, megabytes / 2)).Select(i => new SnapshotTensor($"t{i}", [TensorElements]))],
            _ => values);
    }
}
