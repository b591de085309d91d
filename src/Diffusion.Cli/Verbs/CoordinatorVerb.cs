using System.CommandLine;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Coordinator;

namespace Diffusion.Cli.Verbs;

/// <summary>The coordinator of one run, for workers on this and other machines. Never loads libtorch.</summary>
internal static class CoordinatorVerb
{
    // Workers are told first and leave by themselves.
    private static readonly TimeSpan Patience = TimeSpan.Zero;

    public static Command Create()
    {
        var config = new RunConfigOptions();
        var place = new RunPlaceOptions();
        var bind = ServingOptions.Bind();
        var port = new Option<int?>("--port") { Description = "Port [default: a free one, written to coordinator.json]", HelpName = "PORT" };
        var http = ServingOptions.HttpPort();
        var cacheSize = ServingOptions.CacheSize();
        var workers = new Option<int>("--workers") { Description = "Workers to wait for before the first step", HelpName = "N", DefaultValueFactory = _ => 1 };
        var minimum = new Option<int>("--min-workers") { Description = "Workers below which the run waits", HelpName = "N", DefaultValueFactory = _ => 1 };
        var maximum = new Option<int>("--max-workers") { Description = "Workers beyond which none is taken", HelpName = "N", DefaultValueFactory = _ => 64 };
        var scale = new Option<double>("--timeout-scale") { Description = "Factor on all waiting times", HelpName = "F", DefaultValueFactory = _ => 1 };
        var slice = SliceOption.Create();
        var supervised = new Option<bool>("--supervised") { Hidden = true };
        var command = new Command("coordinator", "Coordinate one run: membership, assignment, journal. Start workers with 'worker --coordinator HOST:PORT'.");
        config.AddTo(command);
        place.AddTo(command);
        foreach (var option in new Option[] { bind, port, http, cacheSize, workers, minimum, maximum, slice, scale, supervised })
        {
            command.Add(option);
        }

        command.SetAction(async (result, cancellationToken) =>
        {
            bool isChild = result.GetValue(supervised);
            using var interruption = isChild ? null : Interruption.BySignals();
            var run = place.Read(result, config.Preset(result) ?? RunPresets.Default);
            var asked = isChild ? StrictJson.Parse<RunConfig>(await Console.In.ReadLineAsync(cancellationToken) ?? "", "Standard input") : config.Read(result, run.SavedConfig());
            run.RequireSame(asked.Checked());
            using var supervision = isChild ? Interruption.BySupervisor(Console.In, Patience) : null;
            var options = new CoordinatorOptions
            {
                Config = asked,
                RunDirectory = run.Path,
                Bind = ServingOptions.Address(result.GetValue(bind)),
                Port = result.GetValue(port),
                HttpPort = ServingOptions.Port("--http-port", result.GetValue(http)),
                ServedCacheBytes = ByteCount.Parse("--cache-size", result.GetValue(cacheSize)!),
                WorkersToStart = result.GetValue(workers),
                MinimumWorkers = result.GetValue(minimum),
                MaximumWorkers = result.GetValue(maximum),
                SliceImages = SliceOption.Read(slice, result),
                TimeoutScale = result.GetValue(scale),
                DataCacheDirectory = TrainingImages.CacheOf(run),
            };
            return await RunAsync(options, run, isChild, (interruption ?? supervision)!);
        });
        return command;
    }

    private static async Task<int> RunAsync(CoordinatorOptions options, RunDirectory run, bool isChild, Interruption interruption)
    {
        if (!isChild)
        {
            ConfigTable.Print(options.Config);
        }

        Directory.CreateDirectory(run.Logs);
        var log = ProcessLog.Open(run.Path, "coordinator", console: !isChild);
        await using var server = await CoordinatorServer.StartAsync(options, log.Loggers, interruption.Asked);
        Console.WriteLine($"{CoordinatorAnnouncement.Prefix}{server.Endpoint}");
        if (!isChild)
        {
            Console.WriteLine($"Start workers with: {Program.Shown} worker --coordinator {server.Endpoint}");
            Console.WriteLine($"Snapshots at any EMA length: {Program.Shown} fetch {server.Endpoint}, or http://{server.HttpEndpoint}/runs");
        }

        await Task.WhenAny(server.Completion, Task.Delay(Timeout.Infinite, interruption.Asked));
        if (!server.Completion.IsCompleted)
        {
            await server.StopAsync(isChild ? "stopped by the user" : "stopped by Ctrl-C at the coordinator").WaitAsync(interruption.Hurried);
        }

        var outcome = await server.Completion;
        Console.WriteLine($"{CoordinatorAnnouncement.EndPrefix}{outcome.End}: {outcome.Reason} ({ImageCount.Kimg(outcome.ImagesSeen)}, {outcome.Snapshots} snapshots)");
        return outcome.End == RunEnd.Failed ? ExitCode.Failed : ExitCode.Done;
    }
}
