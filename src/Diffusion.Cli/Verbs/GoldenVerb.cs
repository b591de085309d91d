using System.CommandLine;
using Diffusion.Cli.Configuration;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Golden;

namespace Diffusion.Cli.Verbs;

/// <summary>Compares recorded numbers with what this machine computes.</summary>
internal static class GoldenVerb
{
    public static Command Create()
    {
        var directory = new Argument<string>("DIR") { Description = "Folder of cases: JSON files with safetensors beside them" };
        var device = new Option<string>("--device") { Description = "Where networks run: cpu, cuda or cuda:N; other comparisons do not need it", HelpName = "NAME", DefaultValueFactory = _ => "cpu" };
        var precision = new Option<ComputePrecision>("--precision") { Description = "Number format of networks' image path: Float32, BFloat16 or Float16; others than float32 are compared with tolerances of their own", HelpName = "NAME" };
        var failures = new Option<bool>("--failures-only") { Description = "Print only what failed or was skipped" };
        var command = new Command("golden", "Check this build and machine against recorded numbers.") { directory, device, precision, failures };
        command.SetAction((result, cancellationToken) => Task.FromResult(Run(result.GetRequiredValue(directory), result.GetValue(device)!, result.GetValue(precision), result.GetValue(failures), cancellationToken)));
        return command;
    }

    private static int Run(string directory, string device, ComputePrecision precision, bool failuresOnly, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(directory))
        {
            throw new ConfigurationException($"'{directory}' is no folder. Give the one that holds the cases, e.g. tests/Golden.");
        }

        var networks = DeviceOption.Read(device);
        var counts = new Dictionary<GoldenVerdict, int>();
        foreach (var result in new GoldenRunner(networks, precision).Run(directory, cancellationToken))
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
