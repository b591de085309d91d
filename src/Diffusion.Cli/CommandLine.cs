using System.CommandLine;
using Diffusion.Cli.Verbs;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli;

/// <summary>The verbs, and what happens before and after one: parsing, suggestions, errors, exit codes.</summary>
internal static class CommandLine
{
    public static RootCommand Create() => new("Trains, averages, samples and measures diffusion models (EDM2) on one or many machines. Without a verb: train.")
    {
        TrainVerb.Create(),
        ResumeVerb.Create(),
        StatusVerb.Create(),
        StopVerb.Create(),
        ReportVerb.Create(),
        ReconstructVerb.Create(),
        ServeVerb.Create(),
        FetchVerb.Create(),
        EvaluateVerb.Create(),
        SampleVerb.Create(),
        MetricsVerb.Create(),
        ScoresVerb.Create(),
        SweepVerb.Create(),
        FeaturesVerb.Create(),
        DatasetVerb.Create(),
        InfoVerb.Create(),
        DoctorVerb.Create(),
        GoldenVerb.Create(),
        SoakVerb.Create(),
        CoordinatorVerb.Create(),
        WorkerVerb.Create(),
    };

    public static async Task<int> RunAsync(string[] args)
    {
        var result = Parse(args);
        var problems = Problems(result);
        if (problems.Count > 0)
        {
            Failure.Write(problems);
            await Console.Error.WriteLineAsync($"Run '{Usage(result)} --help' for what it takes.");
            return ExitCode.Refused;
        }

        try
        {
            return await result.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception e)
        {
            return Failure.Report(e);
        }
        finally
        {
            await Serilog.Log.CloseAndFlushAsync();
        }
    }

    /// <summary>Options without a verb are the training's: <c>diffusion --preset cifar10-32</c>.</summary>
    public static ParseResult Parse(string[] args)
    {
        bool verbless = args.Length == 0 || (args[0].StartsWith('-') && args[0] is not ("--help" or "-h" or "-?" or "--version"));
        return Create().Parse(verbless ? [TrainVerb.Name, .. args] : args);
    }

    /// <summary>Every problem of a command line, with the nearest known word for each unknown one.</summary>
    public static IReadOnlyList<string> Problems(ParseResult result)
    {
        if (result.Action is System.CommandLine.Help.HelpAction || result.Errors.Count == 0)
        {
            return [];
        }

        // What follows an unknown option is its value, and no second problem.
        var tokens = result.UnmatchedTokens.Any(t => t.StartsWith('-')) ? result.UnmatchedTokens.Where(t => t.StartsWith('-')) : result.UnmatchedTokens;
        var unknown = tokens.Select(token => Unknown(token, result.CommandResult.Command)).ToArray();
        var others = result.Errors.Select(e => e.Message).Where(m => !result.UnmatchedTokens.Any(t => m.Contains($"'{t}'", StringComparison.Ordinal)));

        // Where a verb was misspelt, that its verb is missing is no news.
        return [.. unknown, .. unknown.Length > 0 ? others.Where(m => !m.Contains("command", StringComparison.OrdinalIgnoreCase)) : others];
    }

    private static string Unknown(string token, Command command)
    {
        if (token.StartsWith('-'))
        {
            var options = command.Options.Where(o => !o.Hidden).SelectMany(o => o.Aliases.Prepend(o.Name)).Where(n => n.StartsWith("--", StringComparison.Ordinal));
            return $"{token} is no option of '{command.Name}'. {Suggestion.For(token.Split('=')[0], options)}";
        }

        return command.Subcommands.Count > 0
            ? $"'{token}' is no verb. {Suggestion.For(token, command.Subcommands.Select(c => c.Name))}"
            : $"'{token}' was not expected after '{command.Name}'. Options start with --.";
    }

    private static string Usage(ParseResult result)
    {
        var names = new List<string>();
        for (var at = result.CommandResult; at is not null; at = at.Parent as System.CommandLine.Parsing.CommandResult)
        {
            names.Insert(0, at.Command is RootCommand ? "diffusion" : at.Command.Name);
        }

        return string.Join(' ', names);
    }
}
