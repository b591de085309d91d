using System.CommandLine;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Coordinator;

namespace Diffusion.Cli.Verbs;

/// <summary>Coordinator and local workers in one go, and the report at the end.</summary>
internal static class TrainVerb
{
    public const string Name = "train";

    public static Command Create()
    {
        var config = new RunConfigOptions();
        var place = new RunPlaceOptions();
        var local = new LocalRunOptions();
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Print the effective configuration and stop" };
        var command = new Command(Name, "Train on this machine: starts a coordinator and workers, shows progress, and ends with a report. The same command again continues the run.");
        config.AddTo(command);
        place.AddTo(command);
        local.AddTo(command);
        command.Add(dryRun);
        command.SetAction((result, _) =>
        {
            var asked = config.Read(result);
            var run = place.Read(result, config.Preset(result) ?? (asked.Data.Path.Length == 0 ? RunPresets.Default : "train"));
            bool mayDraw = (config.Preset(result) ?? RunPresets.Default) == RunPresets.Default;
            return RunAsync(asked, run, local.Read(result), mayDraw, result.GetValue(dryRun));
        });
        return command;
    }

    public static async Task<int> RunAsync(RunConfig config, RunDirectory run, LocalRun local, bool mayDraw, bool dryRun)
    {
        config.Checked();
        run.RequireSame(config);
        using var interruption = Interruption.BySignals();
        if (dryRun)
        {
            TrainingImages.RequireKnown(config, mayDraw);
            ConfigTable.Print(config);
            Console.WriteLine($"Run directory: {run.Shown}. This was a dry run; leave out --dry-run to start.");
            return ExitCode.Done;
        }

        var (ready, packed) = TrainingImages.Prepare(config, run, mayDraw, interruption.Asked);
        ConfigTable.Print(ready);
        Console.WriteLine($"Run directory: {run.Shown}");
        Directory.CreateDirectory(run.Logs);
        ProcessLog.Open(run.Path, "train", console: false);
        if (CoordinatorServer.FinishOf(run.Path, ready.Training.DurationImages) is { } finished)
        {
            Console.WriteLine($"{finished.Reason} There is nothing left to train.");
            return local.NoReport ? ExitCode.Done : Report(run, packed, interruption.Asked);
        }

        var training = new LocalTraining(ready, run, local, packed, interruption, TimeProvider.System);
        var outcome = await training.RunAsync();
        if (outcome != ExitCode.Done || local.NoReport || !training.IsFinished)
        {
            Console.WriteLine($"Continue with: {Program.Shown} resume {run.Shown}");
            return outcome;
        }

        return Report(run, packed, interruption.Asked);
    }

    private static int Report(RunDirectory run, string packed, CancellationToken cancellationToken) =>
        ReportVerb.Run(run, new Report.ReportOptions { PackedData = packed }, cancellationToken);
}
