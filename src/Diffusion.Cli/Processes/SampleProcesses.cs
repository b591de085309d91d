using System.Globalization;
using Diffusion.Evaluation.Sampling;

namespace Diffusion.Cli.Processes;

/// <summary>Several processes that share one folder of images, each with its part of the seeds.</summary>
internal static class SampleProcesses
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>Starts the processes and waits until all have ended.</summary>
    /// <param name="arguments">The command line, without what is the parent's alone.</param>
    /// <param name="count">Processes.</param>
    /// <param name="folder">Where the images appear.</param>
    /// <param name="seeds">All seeds of the job.</param>
    /// <param name="cancellationToken">Ends the processes; the images drawn so far stay.</param>
    /// <exception cref="VerbFailedException">A process ended before its part was done.</exception>
    public static async Task RunAsync(IReadOnlyList<string> arguments, int count, SampleFolder folder, IReadOnlyList<long> seeds, CancellationToken cancellationToken)
    {
        int threads = Math.Max(1, Environment.ProcessorCount / count);
        var children = new List<ChildProcess>();
        try
        {
            for (int part = 1; part <= count; part++)
            {
                children.Add(ChildProcess.Start(
                    $"part {part} of {count}",
                    [.. arguments, "--part", $"{part}/{count}", "--threads", threads.ToString(CultureInfo.InvariantCulture), "--supervised"],
                    input: null));
            }

            var all = Task.WhenAll(children.Select(c => c.WaitForExitAsync(cancellationToken)));
            while (await Task.WhenAny(all, Task.Delay(Tick, cancellationToken)) != all)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!Console.IsOutputRedirected)
                {
                    Console.Write($"\r{seeds.Count - folder.Missing(seeds).Count} of {seeds.Count} images");
                }
            }

            await all;
            RequireAll(children, folder, seeds);
        }
        finally
        {
            children.ForEach(c => c.Dispose());
        }
    }

    private static void RequireAll(List<ChildProcess> children, SampleFolder folder, IReadOnlyList<long> seeds)
    {
        int missing = folder.Missing(seeds).Count;
        Console.WriteLine($"{(Console.IsOutputRedirected ? "" : "\r")}{seeds.Count - missing} of {seeds.Count} images");
        if (children.Find(c => c.ExitCode != ExitCode.Done) is { } failed)
        {
            string said = failed.LastErrors.Replace("diffusion: ", "", StringComparison.Ordinal);
            throw new VerbFailedException(
                $"{failed.Name} ended with exit code {failed.ExitCode}{(said.Length > 0 ? $": {said}" : ".")} {missing} images are missing; the same command draws only these.",
                failed.ExitCode is ExitCode.Refused or ExitCode.NotReady ? failed.ExitCode : ExitCode.Failed);
        }
    }
}
