using System.CommandLine;
using Diffusion.Evaluation.Golden;

namespace Diffusion.Cli.Verbs;

/// <summary>Compares recorded numbers with what this machine computes.</summary>
internal static class GoldenVerb
{
    public static Command Create()
    {
        var directory = new Argument<string>("DIR") { Description = "Folder of cases: JSON files with safetensors beside them" };
        var verbose = new Option<bool>("--verbose", "-v") { Description = "Print every comparison, not only failures" };
        var command = new Command("golden", "Check this build and machine against recorded numbers.") { directory, verbose };
        command.SetAction((result, cancellationToken) => Task.FromResult(Run(result.GetRequiredValue(directory), result.GetValue(verbose), cancellationToken)));
        return command;
    }

    private static int Run(string directory, bool verbose, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<GoldenVerdict, int>();
        foreach (var result in new GoldenRunner().Run(directory, cancellationToken))
        {
            counts[result.Verdict] = counts.GetValueOrDefault(result.Verdict) + 1;
            if (verbose || result.Verdict != GoldenVerdict.Passed)
            {
                Console.WriteLine(result);
            }
        }

        int passed = counts.GetValueOrDefault(GoldenVerdict.Passed);
        int failed = counts.GetValueOrDefault(GoldenVerdict.Failed);
        Console.WriteLine($"{passed} comparisons passed, {failed} failed, {counts.GetValueOrDefault(GoldenVerdict.Skipped)} cases skipped");
        return failed == 0 && passed > 0 ? ExitCode.Done : ExitCode.Failed;
    }
}
