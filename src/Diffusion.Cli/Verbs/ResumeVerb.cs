using System.CommandLine;
using Diffusion.Cli.Configuration;

namespace Diffusion.Cli.Verbs;

/// <summary>Continues a run with the configuration it was started with.</summary>
internal static class ResumeVerb
{
    public static Command Create()
    {
        var directory = new Argument<string>("RUN") { Description = "Run directory" };
        var local = new LocalRunOptions();
        var command = new Command("resume", "Continue a run from its last checkpoint, on this machine.") { directory };
        local.AddTo(command);
        command.SetAction((result, _) =>
        {
            var run = new RunDirectory(result.GetRequiredValue(directory));
            return TrainVerb.RunAsync(run.RequiredConfig(), run, local.Read(result), mayDraw: false, dryRun: false);
        });
        return command;
    }
}
