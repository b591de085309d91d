using System.CommandLine;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Serving;
using Diffusion.Snapshots.Library;

namespace Diffusion.Cli.Verbs;

/// <summary>Serves the snapshots of finished runs at any EMA length. Needs no libtorch.</summary>
internal static class ServeVerb
{
    public static Command Create()
    {
        var runs = new Argument<string[]>("RUN") { Description = "Run directories, or folders of snapshots", Arity = ArgumentArity.OneOrMore };
        var bind = ServingOptions.Bind();
        var grpc = new Option<int?>("--grpc-port") { Description = "Port for gRPC [default: a free one]", HelpName = "PORT" };
        var http = ServingOptions.HttpPort();
        var size = ServingOptions.CacheSize();
        var cache = new Option<string?>("--cache-dir") { Description = "Where reconstructed weights are kept [default: in the user's cache]", HelpName = "DIR" };
        var command = new Command("serve", "Serve the snapshots of runs at any EMA length, over gRPC and HTTP. A run that trains is served by its coordinator.") { runs, bind, grpc, http, size, cache };
        command.SetAction(async (result, _) =>
        {
            var library = new SnapshotLibraryOptions
            {
                CacheBytes = ByteCount.Parse("--cache-size", result.GetValue(size)!),
                ThreadsPerReconstruction = Environment.ProcessorCount,
            };
            var options = new SnapshotServerOptions
            {
                Runs = result.GetRequiredValue(runs),
                Bind = ServingOptions.Address(result.GetValue(bind)),
                GrpcPort = ServingOptions.Port("--grpc-port", result.GetValue(grpc)),
                HttpPort = ServingOptions.Port("--http-port", result.GetValue(http)),
                Library = result.GetValue(cache) is { } folder ? library with { CacheDirectory = folder } : library,
            };
            using var interruption = Interruption.BySignals();
            var log = ProcessLog.Open(runDirectory: null, "serve", console: true);
            await using var server = await SnapshotServer.StartAsync(options, log.Loggers, interruption.Asked);
            Print(server);
            await Task.Delay(Timeout.Infinite, interruption.Asked).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return ExitCode.Done;
        });
        return command;
    }

    private static void Print(SnapshotServer server)
    {
        foreach (var run in server.Library.Runs)
        {
            Console.WriteLine($"serving  {SnapshotText.Line(run)}");
        }

        Console.WriteLine($"gRPC     {server.Grpc}");
        Console.WriteLine($"HTTP     http://{server.Http}/runs");
        Console.WriteLine($"Fetch with: {Program.Shown} fetch {server.Grpc} --run {server.Library.Runs[0].Name} --length 0.07 --out weights.safetensors");
        Console.WriteLine("Ctrl-C ends it.");
    }
}
