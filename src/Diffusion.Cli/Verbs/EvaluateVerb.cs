using System.CommandLine;
using System.Globalization;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Evaluators;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Native;
using Diffusion.Worker;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>Measures what others submitted, part by part; any number of these may run anywhere, and end at any time.</summary>
internal static class EvaluateVerb
{
    public static Command Create()
    {
        var coordinator = new Option<string>("--coordinator") { Description = "Address of a coordinator or of 'serve'", HelpName = "HOST:PORT", Required = true };
        var name = new Option<string?>("--name") { Description = "Name shown to people [default: the host's]", HelpName = "NAME" };
        var devices = new Option<string>("--devices") { Description = $"Devices, each of which leases parts: {DeviceList.Forms}", HelpName = "LIST", DefaultValueFactory = _ => "auto" };
        var once = new Option<bool>("--once") { Description = "End when everything that was submitted is over" };
        var trust = new Option<string[]>("--trust-features") { Description = "TorchScript file that jobs may run here, as feature network or autoencoder; again for each. TorchScript never comes from the server, networks of 'features train' do", HelpName = "FILE" };
        var cache = new Option<string?>("--cache-dir") { Description = "Where fetched weights and files are kept [default: in the user's cache]", HelpName = "DIR" };
        var size = new Option<string>("--cache-size") { Description = "Disk space for them, those used longest ago go first", HelpName = "SIZE", DefaultValueFactory = _ => "10GB" };
        var patience = new Option<double>("--patience") { Description = "Seconds the server may stay away", HelpName = "S", DefaultValueFactory = _ => 600 };
        var nice = new Option<int>("--nice") { Description = "Niceness of the threads that compute, 0 to 19: 19 beside training on the same processor", HelpName = "N" };
        var command = new Command("evaluate", "Lease evaluations of a run from its coordinator or 'serve': fetch weights, sample, measure, report. Any number of evaluators give the same bits as one; Ctrl-C gives back what is being worked on.")
        {
            coordinator, name, devices, once, trust, cache, size, patience, nice,
        };
        command.SetAction(async (result, _) =>
        {
            int niceness = result.GetValue(nice);
            double seconds = result.GetValue(patience);
            if (niceness is < 0 or > 19 || !(seconds is >= 0 and <= 1e6))
            {
                throw new ConfigurationException(string.Create(CultureInfo.InvariantCulture, $"--nice is {niceness} and --patience {seconds}; 0 to 19, and 0 to 1000000 seconds."));
            }

            var list = DeviceList.Parse("--devices", result.GetValue(devices)!, Accelerators.Inventory);
            ComputePolicy.Apply(tf32: false);
            var options = new EvaluatorOptions
            {
                Coordinator = result.GetRequiredValue(coordinator),
                Name = result.GetValue(name) ?? Environment.MachineName,
                CacheDirectory = Path.GetFullPath(result.GetValue(cache) ?? UserCache.DirectoryOf("evaluations")),
                CacheBytes = ByteCount.Parse("--cache-size", result.GetValue(size)!),
                Once = result.GetValue(once),
                Patience = TimeSpan.FromSeconds(seconds),
                Niceness = niceness,
            };
            using var interruption = Interruption.BySignals();
            await RunAsync(options, new TrustedFiles(result.GetValue(trust) ?? []), list, interruption);
            return interruption.Asked.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Done;
        });
        return command;
    }

    private static async Task RunAsync(EvaluatorOptions options, TrustedFiles trusted, DeviceList devices, Interruption interruption)
    {
        string numerics = Numerics.Of(devices);
        Console.WriteLine($"evaluating for {options.Coordinator} on {devices} ({numerics})");

        // One device that fails for good takes the others with it: all would meet the same.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(interruption.Asked);
        var all = Enumerable.Range(0, devices.Count).Select(async i =>
        {
            try
            {
                string prefix = devices.Count == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"[{i}] ");
                await new Evaluator(options, trusted, numerics, torch.device(devices.NameOf(i)), i, line => Console.WriteLine(prefix + line)).RunAsync(ended.Token);
            }
            catch
            {
                await ended.CancelAsync();
                throw;
            }
        });
        await Task.WhenAll(all).WaitAsync(interruption.Hurried);
    }
}
