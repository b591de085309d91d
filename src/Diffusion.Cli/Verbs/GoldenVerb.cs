using System.CommandLine;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Golden;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>Compares recorded numbers with what this machine computes.</summary>
internal static class GoldenVerb
{
    public static Command Create()
    {
        var directory = new Argument<string>("DIR") { Description = "Folder of cases: JSON files with safetensors beside them" };
        var device = new Option<string>("--device") { Description = "Where networks run: cpu or cuda:0; other comparisons do not need it", HelpName = "NAME", DefaultValueFactory = _ => "cpu" };
        var failures = new Option<bool>("--failures-only") { Description = "Print only what failed or was skipped" };
        var command = new Command("golden", "Check this build and machine against recorded numbers.") { directory, device, failures };
        command.SetAction((result, cancellationToken) => Task.FromResult(Run(result.GetRequiredValue(directory), result.GetValue(device)!, result.GetValue(failures), cancellationToken)));
        return command;
    }

    private static int Run(string directory, string device, bool failuresOnly, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(directory))
        {
            throw new ConfigurationException($"'{directory}' is no folder. Give the one that holds the cases, e.g. tests/Golden.");
        }

        var networks = torch.device(device);
        if (networks.type == DeviceType.CUDA && !torch.cuda.is_available())
        {
            throw new ConfigurationException($"--device is {device}, but this machine's libtorch finds no GPU. Leave it out, or run 'diffusion doctor' to see why.");
        }

        var counts = new Dictionary<GoldenVerdict, int>();
        foreach (var result in new GoldenRunner(networks).Run(directory, cancellationToken))
        {
            counts[result.Verdict] = counts.GetValueOrDefault(result.Verdict) + 1;
            if (!failuresOnly || result.Verdict != GoldenVerdict.Passed)
            {
                Console.WriteLine(result);
            }
        }

        int passed = counts.GetValueOrDefault(GoldenVerdict.Passed);
        int failed = counts.GetValueOrDefault(GoldenVerdict.Failed);
        Console.WriteLine($"{passed} passed, {failed} failed, {counts.GetValueOrDefault(GoldenVerdict.Skipped)} skipped");

        // Nothing compared is no proof of anything.
        return failed == 0 && passed > 0 ? ExitCode.Done : ExitCode.Failed;
    }
}
