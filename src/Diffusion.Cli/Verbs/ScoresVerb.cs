using System.CommandLine;
using Diffusion.Cli.Display;
using Diffusion.Cli.Metrics;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Verbs;

/// <summary>The scores of a run. Needs no libtorch.</summary>
internal static class ScoresVerb
{
    public static Command Create()
    {
        var directory = new Argument<string>("RUN") { Description = "Run directory" };
        var metric = new Option<string?>("--metric") { Description = $"Only this one: {string.Join(", ", MetricNames.All)}", HelpName = "NAME" };
        var csv = new Option<string?>("--csv") { Description = "Also write every score, with all it depends on, as comma-separated values", HelpName = "FILE" };
        var json = new Option<string?>("--json") { Description = "Also write them as JSON", HelpName = "FILE" };
        var command = new Command("scores", HelpText.With(
            "List a run's snapshots, EMA lengths and scores, best first. Only numbers that may be compared stand in one table.",
            [
                "scores runs/shapes-16",
                "scores runs/shapes-16 --metric fd --csv scores.csv",
            ])) { directory, metric, csv, json };
        command.SetAction(result => Run(new RunDirectory(result.GetRequiredValue(directory)), result.GetValue(metric), result.GetValue(csv), result.GetValue(json)));
        return command;
    }

    private static int Run(RunDirectory run, string? metric, string? csv, string? json)
    {
        run.RequiredConfig();
        if (metric is not null && !MetricNames.All.Contains(metric))
        {
            throw new ConfigurationException($"--metric '{metric}' is unknown. {Suggestion.For(metric, MetricNames.All)}");
        }

        Score[] scores = [.. ScoreCatalogue.Read(run.Path).Where(s => metric is null || s.Metric == metric)];
        if (scores.Length == 0)
        {
            throw new VerbFailedException($"{run.Shown} has no scores{(metric is null ? "" : $" of '{metric}'")} yet. Measure with 'sweep {run.Shown}', or 'metrics gen --net {run.Shown} --length S --ref FILE'.");
        }

        foreach (var group in ScoreGroup.Of(scores))
        {
            MetricText.WriteTable(group);
            Console.WriteLine();
        }

        Save(csv, ScoreExport.Csv(scores));
        Save(json, ScoreExport.Json(scores));
        return ExitCode.Done;
    }

    private static void Save(string? path, string text)
    {
        if (path is not null)
        {
            AtomicFile.WriteAllBytes(path, System.Text.Encoding.UTF8.GetBytes(text));
            Console.WriteLine(path);
        }
    }
}
