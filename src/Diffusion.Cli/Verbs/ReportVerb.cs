using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Cli.Report;

namespace Diffusion.Cli.Verbs;

/// <summary>The report of a run, as <c>train</c> ends with.</summary>
internal static class ReportVerb
{
    public static Command Create()
    {
        var directory = new Argument<string>("RUN") { Description = "Run directory" };
        var lengths = new Option<string?>("--lengths") { Description = "EMA lengths to measure, e.g. 0.02,0.03,...,0.25", HelpName = "LIST" };
        var draws = new Option<int>("--draws") { Description = "Noise levels per held-out image", HelpName = "N", DefaultValueFactory = _ => 4 };
        var seed = new Option<long>("--seed") { Description = "Seed of the first sample", HelpName = "INT" };
        var autoencoder = LatentVerbs.Autoencoder();
        var command = new Command("report", "Reconstruct EMA lengths, measure each on held-out images, draw the curve and sample from the best.") { directory, lengths, draws, seed, autoencoder };
        command.SetAction((result, _) =>
        {
            var options = new ReportOptions { DrawsPerImage = Math.Max(1, result.GetValue(draws)), FirstSeed = result.GetValue(seed), Autoencoder = result.GetValue(autoencoder) };
            if (result.GetValue(lengths) is { } list)
            {
                options = options with { Lengths = Lists.Numbers("--lengths", list) };
            }

            using var interruption = Interruption.BySignals();
            return Task.FromResult(Run(new RunDirectory(result.GetRequiredValue(directory)), options, interruption.Asked));
        });
        return command;
    }

    public static int Run(RunDirectory run, ReportOptions options, CancellationToken cancellationToken)
    {
        if (run.RequiredConfig().Data.HeldOut == 0)
        {
            throw new VerbFailedException($"{run.Shown} kept no images out of training (data.heldOut is 0), so its EMA lengths cannot be compared. Reconstruct one with 'reconstruct' and look at its samples with 'sample'.");
        }

        var watch = Stopwatch.StartNew();
        var report = new RunReport(run, options, cancellationToken);
        var (_, best, samples) = report.Create();
        string Shown(string path) => Path.Combine(run.Shown, Path.GetRelativePath(run.Path, path));
        string length = best.RelativeStd.ToString("0.000", CultureInfo.InvariantCulture);
        string decoder = options.Autoencoder is { } file ? $" --vae {file}" : samples > 0 ? "" : " --vae FILE";
        string grid = samples > 0
            ? $"{Shown(report.Grid)}  ({samples} images, a row per class)"
            : $"not drawn: the run's images are latents; '{Program.Shown} report {run.Shown} --vae FILE' draws them";
        Console.WriteLine($"""

            Best EMA length {length}, loss {RunText.Loss(best.Loss.Mean)} (report took {watch.Elapsed.TotalSeconds:0} s)
              curve    {Shown(report.CurvePng)}  {Shown(report.CurveSvg)}
              samples  {grid}
              numbers  {Shown(report.Numbers)}

            Resume, sweep and sample more with
              {Program.Shown} resume {run.Shown}
              {Program.Shown} report {run.Shown} --lengths 0.02,0.03,...,0.25
              {Program.Shown} sample --net {Shown(best.Path)} --seeds 100-163 --grid samples.png{decoder}
            """);
        return ExitCode.Done;
    }
}
