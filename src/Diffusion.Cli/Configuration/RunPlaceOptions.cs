using System.CommandLine;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Configuration;

/// <summary>Where a run lives: <c>runs/NAME</c> below the current directory unless <c>--run-dir</c> says otherwise.</summary>
internal sealed class RunPlaceOptions
{
    private readonly Option<string?> directory = new("--run-dir") { Description = "Run directory [default: runs/NAME]", HelpName = "DIR" };
    private readonly Option<string?> name = new("--name") { Description = "Name of the run [default: the preset's]", HelpName = "NAME" };

    public void AddTo(Command command)
    {
        command.Add(directory);
        command.Add(name);
    }

    public RunDirectory Read(ParseResult result, string defaultName)
    {
        if (result.GetValue(directory) is { Length: > 0 } path)
        {
            return new RunDirectory(path);
        }

        string run = result.GetValue(name) ?? defaultName;
        return run.Length > 0 && run.IndexOfAny(['/', '\\', '\0']) < 0 && run is not ("." or "..")
            ? new RunDirectory(Path.Combine(RunDirectory.DefaultParent, run))
            : throw new ConfigurationException($"--name '{run}' is no file name. Choose one without slashes, or give the whole path with --run-dir.");
    }
}
