using System.CommandLine;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Worker;

namespace Diffusion.Cli.Verbs;

/// <summary>One box's part in a run.</summary>
internal static class WorkerVerb
{
    // The coordinator is told by the same event and dismisses its workers, after they have saved; only if it does not, they leave by themselves.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        var coordinator = new Option<string>("--coordinator") { Description = "Address of the coordinator", HelpName = "HOST:PORT", Required = true };
        var devices = new Option<string>("--devices") { Description = $"Devices to train on, a rank each: {DeviceList.Forms}", HelpName = "LIST", DefaultValueFactory = _ => "auto" };
        var data = new Option<string?>("--data") { Description = "Where this box keeps the images [default: the run's data.path if it is here, else fetched from the coordinator]", HelpName = "PATH" };
        var cache = new Option<string?>("--cache-dir") { Description = "Where packed and fetched images are kept [default: in the user's cache]", HelpName = "DIR" };
        var unshared = new Option<bool>("--no-shared-directory") { Description = "Use nothing of the coordinator's disk even if it is in sight: images, snapshots and checkpoints go over the network" };
        var name = new Option<string?>("--name") { Description = "Name shown to people [default: the host's]", HelpName = "NAME" };
        var address = new Option<string?>("--data-address") { Description = "Address other workers reach this one at [default: the one that routes to the coordinator]", HelpName = "ADDR" };
        var share = new Option<double?>("--share") { Description = "This worker's part of the shards relative to the others', who have 1; then no shards move by themselves [default: by measured speed]", HelpName = "WEIGHT" };
        var logs = new Option<string?>("--log-dir") { Description = "Folder whose logs/ gets this worker's log [default: none]", HelpName = "DIR" };
        var images = new Option<string?>("--log-images") { Description = "File that gets a line for each completed step: time, generation, step, digest of all images up to it, the images computed here", HelpName = "FILE" };
        var scale = new Option<double>("--timeout-scale") { Description = "Factor on the waiting times until the coordinator has answered; then the run's holds", HelpName = "F", DefaultValueFactory = _ => 1 };
        var supervised = new Option<bool>("--supervised") { Hidden = true };
        var command = new Command("worker", "Train in a run as one worker with one or more devices.") { coordinator, devices, data, cache, unshared, name, address, share, logs, images, scale, supervised };
        command.SetAction(async (result, _) =>
        {
            bool isChild = result.GetValue(supervised);
            using var interruption = isChild ? Interruption.BySupervisor(Console.In, Patience) : Interruption.BySignals();
            string shown = result.GetValue(name) ?? Environment.MachineName;
            var log = ProcessLog.Open(result.GetValue(logs), shown, console: !isChild);
            var options = new WorkerOptions
            {
                Coordinator = result.GetRequiredValue(coordinator),
                Devices = result.GetRequiredValue(devices),
                DataPath = result.GetValue(data) is { } path ? Path.GetFullPath(path) : null,
                CacheDirectory = result.GetValue(cache) is { } folder ? Path.GetFullPath(folder) : null,
                NoSharedDirectory = result.GetValue(unshared),
                Name = shown,
                DataAddress = result.GetValue(address),
                Share = result.GetValue(share) is { } weight ? weight is > 0 and <= 1e6 ? weight : throw new ConfigurationException(FormattableString.Invariant($"--share is {weight}; it must be above 0, up to 1000000. The other workers have 1.")) : null,
                ImageLog = result.GetValue(images),
                TimeoutScale = result.GetValue(scale),
            };
            var exit = await WorkerHost.RunAsync(options, log.Loggers, interruption.Asked).WaitAsync(interruption.Hurried);
            return Verdict(exit);
        });
        return command;
    }

    private static int Verdict(WorkerExit exit)
    {
        if (exit.End is WorkerEnd.Finished or WorkerEnd.Stopped or WorkerEnd.Left)
        {
            return ExitCode.Done;
        }

        throw new VerbFailedException(exit.Reason, exit.End == WorkerEnd.Refused ? ExitCode.Refused : ExitCode.Failed);
    }
}
