using System.CommandLine;
using System.Globalization;
using Diffusion.Cli.Processes;
using Diffusion.Cli.Soak;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Verbs;

/// <summary>Proves on this machine that faults change nothing: a small run left alone, the same run under a schedule of faults, and the comparison of every bit.</summary>
internal static class SoakVerb
{
    // Longer lists help nobody.
    private const int DifferencesShown = 20;

    public static Command Create()
    {
        var faults = new Option<int>("--faults") { Description = "Faults to inject", HelpName = "N", DefaultValueFactory = _ => 200 };
        var steps = new Option<int>("--steps") { Description = "Length of the run", HelpName = "N", DefaultValueFactory = _ => 2000 };
        var seed = new Option<int>("--seed") { Description = "Seed of the run and of the schedule of faults", HelpName = "S", DefaultValueFactory = _ => 1 };
        var limit = new Option<double>("--limit") { Description = "Longest duration, in minutes", HelpName = "MIN", DefaultValueFactory = _ => 60 };
        var directory = new Option<string?>("--dir") { Description = "Folder that keeps both runs with their logs [default: a temporary one, kept only if something differs]", HelpName = "DIR" };
        var scale = new Option<double>("--timeout-scale") { Description = "Factor on all waiting times, for slow machines", HelpName = "F", DefaultValueFactory = _ => 1 };
        var command = new Command("soak", "Train a tiny run undisturbed, train it again while killing, stopping and restarting its processes, and compare every bit.") { faults, steps, seed, limit, directory, scale };
        command.SetAction(async (result, _) =>
        {
            var options = new SoakOptions
            {
                Faults = result.GetValue(faults),
                Steps = result.GetValue(steps),
                Seed = result.GetValue(seed),
                Limit = TimeSpan.FromMinutes(result.GetValue(limit)),
                Directory = result.GetValue(directory),
                TimeoutScale = result.GetValue(scale),
            };
            string[] problems = [.. options.Problems()];
            return problems.Length == 0 ? await RunAsync(options) : throw new ConfigurationException(problems);
        });
        return command;
    }

    private static async Task<int> RunAsync(SoakOptions options)
    {
        string directory = Path.GetFullPath(options.Directory ?? Directory.CreateTempSubdirectory("diffusion-soak-").FullName);
        if (options.Directory is not null && Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
        {
            throw new ConfigurationException($"--dir {options.Directory} is not empty; name another folder.");
        }

        using var interruption = Interruption.BySignals();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(interruption.Asked);
        over.CancelAfter(options.Limit);
        bool isSame = false;
        try
        {
            isSame = await SoakAsync(options, directory, over.Token);
            return isSame ? ExitCode.Done : ExitCode.Failed;
        }
        catch (OperationCanceledException) when (interruption.Asked.IsCancellationRequested)
        {
            isSame = true;
            return ExitCode.Interrupted;
        }
        catch (OperationCanceledException)
        {
            throw new VerbFailedException(string.Create(CultureInfo.InvariantCulture, $"The soak was not over after {options.Limit.TotalMinutes:0.#} minutes (--limit). Its runs are in {directory}."));
        }
        finally
        {
            if (isSame && options.Directory is null)
            {
                Directory.Delete(directory, recursive: true);
            }
        }
    }

    private static async Task<bool> SoakAsync(SoakOptions options, string directory, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        long started = time.GetTimestamp();
        var config = SoakSetting.Config(options, SoakSetting.PrepareData(directory, cancellationToken));
        Console.WriteLine($"{options.Steps} steps of {config.Training.BatchSize} images over {config.Shards} shards; {options.Faults} faults; seed {options.Seed}; in {directory}");
        using var alone = new SoakRun(config, options, Path.Combine(directory, "undisturbed"), [], time, cancellationToken);
        await alone.RunAsync();
        double undisturbedSeconds = time.GetElapsedTime(started).TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Undisturbed, one worker: {undisturbedSeconds:0} s. Now the faults; every forward pass takes {SoakSetting.SlowerBy(options).TotalMilliseconds:0} ms longer, so that the steps last for them."));

        var plan = SoakPlan.Draw(options.Seed, options.Faults, options.Steps, SoakRun.WorkersAtFirst);
        using var disturbed = new SoakRun(config, options, Path.Combine(directory, "disturbed"), plan, time, cancellationToken);
        await disturbed.RunAsync();
        return Compare(options, alone, disturbed, config, time.GetElapsedTime(started));
    }

    private static bool Compare(SoakOptions options, SoakRun alone, SoakRun disturbed, RunConfig config, TimeSpan elapsed)
    {
        var expected = ImageHistory.Read(alone.Directory);
        var history = ImageHistory.Read(disturbed.Directory);
        string[] images = [.. expected.Unevenness(SoakSetting.ImageCount), .. history.Differences(expected, options.Steps)];
        var bits = SoakBits.Of(disturbed.Directory);
        var (bytes, differences) = bits.CompareWith(SoakBits.Of(alone.Directory));
        string[] all = [.. bits.Steps == options.Steps ? Array.Empty<string>() : [$"The last checkpoint is of step {bits.Steps}, not {options.Steps}."], .. differences, .. images];

        Console.WriteLine();
        foreach (string row in new SoakReport(disturbed.Directory, history).Rows(disturbed.Injections))
        {
            Console.WriteLine(row);
        }

        Console.WriteLine();
        Console.WriteLine($"faults injected     {disturbed.Injections.Count}");
        Console.WriteLine($"steps               {bits.Steps}, {history.Steps.Select(s => s.Generation).Distinct().Count()} generations with steps");
        Console.WriteLine($"images consumed     {(long)config.Training.BatchSize * bits.Steps}; {(images.Length == 0 ? "0 lost, 0 repeated" : $"{images.Length} differences")}, by every worker's log and the chain in the state");
        Console.WriteLine($"differing bytes     {bytes} of {bits.Bytes}, in {bits.Files} files: parameters, Adam's moments, averages, all snapshots");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"took                {elapsed:hh\\:mm\\:ss} on {Environment.ProcessorCount} processors"));
        foreach (string difference in all.Take(DifferencesShown))
        {
            Console.WriteLine($"DIFFERENT           {difference}");
        }

        Console.WriteLine(all.Length == 0 ? "The same to the last bit." : $"{all.Length} differences; repeat with --seed {options.Seed} --faults {options.Faults} --steps {options.Steps}.");
        return all.Length == 0;
    }
}
