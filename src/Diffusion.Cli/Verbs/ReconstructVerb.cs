using System.CommandLine;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Cli.Verbs;

/// <summary>Averages of any length from a run's snapshots. Needs no libtorch.</summary>
internal static class ReconstructVerb
{
    private static readonly string[] Examples =
    [
        "reconstruct runs/shapes-16 --lengths 0.05,0.10,0.15",
        "reconstruct --indir snapshots --outdir averages --outstd 0.01,0.02,...,0.25 --skip",
        "reconstruct runs/shapes-16 --lengths 0.08 --outkimg 22 --fp32",
    ];

    public static Command Create()
    {
        var run = new Argument<string?>("RUN") { Description = "Run directory; sets --indir and --outdir", Arity = ArgumentArity.ZeroOrOne };
        var input = new Option<string?>("--indir") { Description = "Folder of snapshots", HelpName = "DIR" };
        var inputPrefix = new Option<string?>("--inprefix") { Description = "Only snapshots with this prefix", HelpName = "STR" };
        var inputStd = new Option<string?>("--instd") { Description = "Only snapshots of these lengths", HelpName = "LIST" };
        var output = new Option<string?>("--outdir") { Description = "Where to write", HelpName = "DIR" };
        var outputPrefix = new Option<string>("--outprefix") { Description = "Prefix of what is written", HelpName = "STR", DefaultValueFactory = _ => "phema" };
        var outputStd = new Option<string>("--outstd", "--lengths") { Description = "Lengths to reconstruct, e.g. 0.05,0.10 or 0.02,0.03,...,0.25", HelpName = "LIST", Required = true };
        var outputKimg = new Option<string?>("--outkimg") { Description = "Training times in thousands of images, as snapshot names say them [default: the last]", HelpName = "LIST" };
        var skip = new Option<bool>("--skip") { Description = "Leave existing outputs alone" };
        var single = new Option<bool>("--fp32") { Description = "Store float32 instead of float16" };
        var command = new Command("reconstruct", HelpText.With("Reconstruct averages of any EMA length from a run's snapshots.", Examples)) { run, input, inputPrefix, inputStd, output, outputPrefix, outputStd, outputKimg, skip, single };
        command.SetAction((result, _) =>
        {
            var directory = result.GetValue(run) is { } path ? new RunDirectory(path) : null;
            string from = result.GetValue(input) ?? directory?.Snapshots ?? throw new ConfigurationException("Give a run directory, or --indir DIR.");
            string to = result.GetValue(output) ?? (directory is null ? throw new ConfigurationException("Give a run directory, or --outdir DIR.") : Path.Combine(directory.Path, "reconstructed"));
            if (!Directory.Exists(from))
            {
                throw new ConfigurationException($"{from} does not exist; it should hold snapshots, network-snapshot-KKKKKKK-S.SSS.safetensors.");
            }

            double[]? lengthsIn = result.GetValue(inputStd) is { } list ? Lists.Numbers("--instd", list) : null;
            double[]? kimg = result.GetValue(outputKimg) is { } times ? Lists.Numbers("--outkimg", times) : null;
            var options = new ReconstructionOptions
            {
                Prefix = result.GetValue(outputPrefix)!,
                SkipExisting = result.GetValue(skip),
                ElementType = result.GetValue(single) ? ElementType.Float32 : ElementType.Float16,
                VerifyInputs = true,
            };
            using var interruption = Interruption.BySignals();
            using var snapshots = SnapshotSet.Open(from, result.GetValue(inputPrefix), lengthsIn);
            var plan = PostHocReconstruction.Plan(snapshots, Lists.Numbers("--outstd", result.GetRequiredValue(outputStd)), kimg?.Select(k => Time(snapshots, k)).ToArray());
            foreach (var output in plan.Outputs.Where(o => o.Warning is not null))
            {
                Console.WriteLine($"note: {output.Warning}");
            }

            Describe(plan, snapshots);
            IReadOnlyList<SnapshotEntry> written;
            using (var progress = new ByteProgress("Reading snapshots"))
            {
                written = plan.Run(to, options, progress, interruption.Asked);
            }

            foreach (var entry in written)
            {
                Console.WriteLine(Path.Combine(to, entry.File));
            }

            Console.WriteLine($"{written.Count} averages from {snapshots.Paths.Count} snapshots{(written.Count < plan.Outputs.Count ? $"; {plan.Outputs.Count - written.Count} existed" : "")}");
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    // What a length costs, before it is chosen for good: how well the snapshots reach it, and how much of it they say nothing about.
    private static void Describe(PostHocReconstruction plan, SnapshotSet snapshots)
    {
        long first = snapshots.Profiles.Select(p => p.ImagesSeen).Where(t => t > 0).DefaultIfEmpty(1).Min();
        foreach (var output in plan.Outputs)
        {
            var profile = new PowerFunctionProfile(output.Target.RelativeStd);
            double initial = profile.ShareOfInitialWeights(0, output.Target.ImagesSeen), before = profile.ShareOfInitialWeights(Math.Min(first, output.Target.ImagesSeen), output.Target.ImagesSeen);
            Console.WriteLine(FormattableString.Invariant(
                $"length {output.Target.RelativeStd:0.000} at {output.Target.ImagesSeen} images: expected error {output.Solution.ExpectedError:P2}, {initial:P0} initial weights, {before:P2} from before the first snapshot"));
        }
    }

    // Names count thousands, rounded down; the snapshots know the exact number.
    private static long Time(SnapshotSet snapshots, double kimg)
    {
        var times = snapshots.Profiles.Select(p => p.ImagesSeen).Distinct().ToArray();
        return times.Any(t => t / 1000 == (long)kimg)
            ? times.First(t => t / 1000 == (long)kimg)
            : throw new ConfigurationException($"--outkimg {kimg}: there is no snapshot of that time. There are {string.Join(", ", times.Select(t => t / 1000).TakeLast(12))}.");
    }
}
