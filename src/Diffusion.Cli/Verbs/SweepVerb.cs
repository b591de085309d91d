using System.CommandLine;
using System.Globalization;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Metrics;
using Diffusion.Cli.Processes;
using Diffusion.Cli.Sweeps;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Losses;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Sweeps;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Scores;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>Measures EMA lengths over snapshot times and guidance weights, or searches for the best one.</summary>
internal static class SweepVerb
{
    private const int DefaultImages = 2000;
    private const int MostMeasurements = 100_000;
    private static readonly double[] DefaultLengths = [0.02, 0.03, 0.045, 0.065, 0.09, 0.12, 0.16, 0.2, 0.25];

    public static Command Create()
    {
        var directory = new Argument<string>("RUN") { Description = "Run directory" };
        var metric = new Option<string>("--metric") { Description = "loss (on held-out images, with fixed noise), fd, kid or swd (of samples)", HelpName = "NAME", DefaultValueFactory = _ => MetricNames.HeldOutLoss };
        var lengths = new Option<string?>("--lengths") { Description = "EMA lengths; of a search, its range [default: nine from 0.02 to 0.25]", HelpName = "LIST" };
        var at = new Option<string?>("--at") { Description = "Snapshot times in images, or all [default: the last]", HelpName = "IMAGES,..." };
        var search = new Option<bool>("--search") { Description = "Find the best length with few measurements instead of measuring all" };
        var budget = new Option<int>("--budget") { Description = "Most measurements of a search", HelpName = "N", DefaultValueFactory = _ => 8 };
        var guidance = new Option<string?>("--guidance") { Description = "Guidance weights; all but 1 need --gnet [default: 1]", HelpName = "W,..." };
        var guide = new Option<string?>("--gnet") { Description = "Guiding network", HelpName = "FILE" };
        var images = new Option<int?>("--images") { Description = $"Samples of a measurement; only equal numbers compare [default: {DefaultImages}]", HelpName = "N" };
        var repeats = new Option<int>("--repeats") { Description = "Measurements of each length, with other seeds each", HelpName = "R", DefaultValueFactory = _ => 1 };
        var seed = new Option<long>("--seed") { Description = "Seed of the first sample, or of the loss's noise", HelpName = "INT" };
        var draws = new Option<int>("--draws") { Description = "Noise levels per held-out image", HelpName = "N", DefaultValueFactory = _ => 4 };
        var reference = new Option<string?>("--ref") { Description = "Reference statistics of 'metrics ref'", HelpName = "FILE" };
        var batch = MetricsVerb.BatchOption();
        var coordinator = new Option<string?>("--coordinator") { Description = "Have everything measured by the evaluators of a coordinator or of 'serve'", HelpName = "HOST:PORT" };
        var evaluators = new Option<int?>("--evaluators") { Description = "Have everything measured by evaluators: so many processes here, and whoever joins; 0 for those alone [default: this process measures]", HelpName = "N" };
        var bind = ServingOptions.Bind();
        var outputs = new Option<string?>("--out") { Description = "Where tables and charts go [default: RUN/sweep]", HelpName = "DIR" };
        var features = new FeatureOptions();
        var autoencoder = LatentVerbs.Autoencoder();
        Setting[] sampler = [.. SamplerOptions.Create().Where(s => s.Key != "guidance")];
        var command = new Command("sweep", HelpText.With(
            "Measure a run at many EMA lengths, or search for the best one, and draw the curves. Scores are kept in the run: what is known is not measured again, and after Ctrl-C the same command goes on.",
            [
                "sweep runs/shapes-16",
                "sweep runs/shapes-16 --search",
                "sweep runs/shapes-16 --lengths 0.02,0.04,...,0.24 --at all",
                "sweep runs/shapes-16 --metric fd --ref shapes.ref.safetensors --features shapes.features --images 2000 --search",
                "sweep runs/shapes-16 --metric fd --ref shapes.ref.safetensors --features shapes.features --gnet GUIDE --guidance 1,1.5,2",
                "sweep runs/shapes-16 --evaluators 2",
                "sweep runs/shapes-16 --metric fd --ref shapes.ref.safetensors --features shapes.features --coordinator 10.0.0.1:7000",
            ])) { directory, metric, lengths, at, search, budget, guidance, guide, images, repeats, seed, draws, reference, autoencoder, batch, evaluators, bind, coordinator, outputs };
        features.AddTo(command);
        foreach (var setting in sampler)
        {
            command.Add(setting.Option);
        }

        command.SetAction(async (result, _) =>
        {
            var request = Request(result.GetValue(metric)!, result.GetValue(search), result.GetValue(lengths), result.GetValue(guidance), result.GetValue(guide), result.GetValue(images), result.GetValue(repeats), result.GetValue(budget), result.GetValue(draws), result.GetValue(seed));
            RequirePlace(result.GetValue(evaluators), result.GetValue(coordinator));
            var run = new RunDirectory(result.GetRequiredValue(directory));
            run.RequiredConfig();
            var (times, runId, snapshot) = Times(run, result.GetValue(at));
            if ((long)times.Length * request.Lengths.Length * request.Guidances.Length * request.Repeats > MostMeasurements)
            {
                throw new ConfigurationException($"These are more than {MostMeasurements} measurements. Give fewer --lengths, --at, --guidance or --repeats.");
            }

            using var interruption = Interruption.BySignals();
            torch.set_num_threads(Environment.ProcessorCount);
            using SweepMeasure measure = request.Metric == MetricNames.HeldOutLoss
                ? new LossMeasure(run, runId, new HeldOutLossOptions { Seed = request.Seed, DrawsPerImage = request.Draws }, interruption.Asked)
                : new SampleMeasure(run, snapshot, new SampleMeasureOptions
                {
                    Metric = request.Metric,
                    Reference = Reference(run, request.Metric, result.GetValue(reference), features.Given(result)),
                    ReferencePath = result.GetValue(reference)!,
                    FeaturesPath = features.PathOf(result),
                    Features = shape => features.Open(result, shape),
                    Device = features.Device(result),
                    Count = request.Images,
                    FirstSeed = request.Seed,
                    Batch = Math.Max(1, result.GetValue(batch)),
                    Guide = result.GetValue(guide),
                    Autoencoder = result.GetValue(autoencoder),
                    Sampler = [.. sampler.Select(s => (s.Key, s.Value(result)))],
                }, interruption.Asked);
            var files = new[] { features.PathOf(result), result.GetValue(autoencoder) }.OfType<string>().Where(path => !TrainedFeatures.IsAt(path));
            await using var queue = result.GetValue(evaluators) is { } own ? await LocalQueue.StartAsync(run, own, ServingOptions.Address(result.GetValue(bind)), files, interruption.Asked) : null;
            string output = result.GetValue(outputs) ?? Path.Combine(run.Path, "sweep");
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(interruption.Asked, queue?.Failed ?? CancellationToken.None);
            try
            {
                return await RunAsync(run, request, times, measure, queue?.Address ?? result.GetValue(coordinator), output, stop.Token);
            }
            catch (OperationCanceledException) when (queue?.Failure.Length > 0)
            {
                throw new VerbFailedException($"{queue.Failure} What was measured is kept; the same command goes on.");
            }
        });
        return command;
    }

    private static void RequirePlace(int? evaluators, string? coordinator)
    {
        if (evaluators is not null && coordinator is not null)
        {
            throw new ConfigurationException("--evaluators starts a queue here, --coordinator uses one elsewhere: give one of them.");
        }

        if (evaluators is < 0 or > 256)
        {
            throw new ConfigurationException($"--evaluators is {evaluators}; 0 to 256.");
        }

        if (coordinator is not null && !(coordinator.LastIndexOf(':') is var colon and > 0 && ushort.TryParse(coordinator[(colon + 1)..], out _)))
        {
            throw new ConfigurationException($"--coordinator '{coordinator}' is not HOST:PORT.");
        }
    }

    private static async Task<int> RunAsync(RunDirectory run, SweepRequest request, long[] times, SweepMeasure measure, string? coordinator, string output, CancellationToken cancellationToken)
    {
        var progress = new SweepProgress(TimeProvider.System);
        await using IScoreSource source = coordinator is null ? new LocalScoreSource(run, measure, progress) : new QueueScoreSource(run, measure, coordinator, progress);
        var runner = new SweepRunner(run, measure, source, progress);
        var words = new List<string>();
        if (request.Search)
        {
            foreach (var (time, weight) in from t in times from g in request.Guidances select (t, g))
            {
                var search = await runner.SearchAsync(new SweepPoint(time, request.Lengths[0], weight), request.SearchOptions, cancellationToken);
                words.Add($"{SweepResults.InWords(request.Metric, search.Estimate(), Place(time, weight))} ({search.Evaluations} measurements)");
            }
        }
        else
        {
            await runner.FillAsync(SweepPoint.Grid(times, request.Lengths, request.Guidances, request.Repeats), cancellationToken);
        }

        var scores = Comparable(run, request, times, measure);
        var results = new SweepResults(run, output, scores);
        results.WriteTables();
        if (!request.Search)
        {
            words.AddRange(ScoreGroup.Of(scores).SelectMany(g => g.Points.GroupBy(p => (p.ImagesSeen, p.Guidance))).OrderBy(g => g.Key)
                .Select(g => SweepResults.InWords(request.Metric, SweepCharts.Estimate([.. g]), Place(g.Key.ImagesSeen, g.Key.Guidance))));
        }

        Console.WriteLine();
        words.ForEach(Console.WriteLine);
        if (scores.Select(s => s.FirstSeed).Distinct().Count() == 1)
        {
            Console.WriteLine("Intervals of the length are those of the curve of these seeds; other seeds may move it.");
        }

        foreach (string path in results.Save())
        {
            Console.WriteLine($"  {Shown(path)}");
        }

        Advise(run, results.Best, scores, cancellationToken);
        return ExitCode.Done;
    }

    // Whatever the run has under these conditions at these times between these lengths, earlier sweeps' numbers included.
    private static Score[] Comparable(RunDirectory run, SweepRequest request, long[] times, SweepMeasure measure)
    {
        var expected = measure.Expected(new SweepPoint(times[0], request.Lengths[0], request.Guidances[0]));
        return [.. ScoreCatalogue.Read(run.Path).Where(s => s.RunId == expected.RunId && times.Contains(s.ImagesSeen) && request.Guidances.Contains(s.Guidance)
            && s.RelativeStd >= request.Lengths[0] && s.RelativeStd <= request.Lengths[^1]
            && s.ComparableKey == measure.Expected(new SweepPoint(s.ImagesSeen, s.RelativeStd, s.Guidance)).ComparableKey)];
    }

    private static void Advise(RunDirectory run, ScorePoint best, IReadOnlyList<Score> scores, CancellationToken cancellationToken)
    {
        var points = ScoreGroup.Of(scores).SelectMany(g => g.Points).Where(p => p.ImagesSeen == best.ImagesSeen && p.Guidance == best.Guidance).ToArray();
        double length = Math.Round(SweepCharts.Estimate(points) is { Verdict: LengthVerdict.Inside } e ? e.RelativeStd : best.RelativeStd, SweepPoint.LengthDecimals);
        LocalScoreSource.Reconstruct(run, [(best.ImagesSeen, length)], cancellationToken);
        string path = Shown(LocalScoreSource.PathOf(run, best.ImagesSeen, length));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""

            Sample from the best, or serve it to others:
              {Program.Shown} sample --net {path} --seeds 0-63 --grid samples.png
              {Program.Shown} serve {run.Shown}
              {Program.Shown} fetch HOST:PORT --length {length:0.000} --at {best.ImagesSeen}
            """));
    }

    private static SweepRequest Request(string metric, bool search, string? lengths, string? guidance, string? guide, int? images, int repeats, int budget, int draws, long seed)
    {
        if (!MetricNames.All.Contains(metric))
        {
            throw new ConfigurationException($"--metric '{metric}' is unknown. {Suggestion.For(metric, MetricNames.All)}");
        }

        bool loss = metric == MetricNames.HeldOutLoss;
        double[] weights = guidance is null ? [1] : Lists.Numbers("--guidance", guidance);
        if (loss && (guidance is not null || images is not null || repeats != 1))
        {
            throw new ConfigurationException("A loss is measured on all held-out images with fixed noise and no samples: --images, --repeats and --guidance are for fd, kid and swd. Its noise is chosen with --seed, the levels per image with --draws.");
        }

        if (weights.Any(w => w != 1) && guide is null)
        {
            throw new ConfigurationException($"--guidance {guidance}: weights other than 1 need a guiding network, --gnet FILE.");
        }

        if (images is < 2 || repeats < 1 || seed < 0 || draws < 1 || (search && budget < 5))
        {
            throw new ConfigurationException($"--images {images ?? DefaultImages}, --repeats {repeats}, --seed {seed}, --draws {draws}, --budget {budget}: at least 2 images, 1 repetition, seed 0, 1 draw and 5 measurements of a search.");
        }

        if (search && repeats != 1)
        {
            throw new ConfigurationException("--search repeats by itself where noise demands it; leave --repeats out.");
        }

        return new SweepRequest
        {
            Metric = metric,
            Search = search,
            Lengths = Lengths(lengths, search),
            Guidances = weights,
            Images = images ?? DefaultImages,
            Repeats = repeats,
            Budget = budget,
            Draws = draws,
            Seed = seed,
        };
    }

    private static double[] Lengths(string? text, bool search)
    {
        if (text is null)
        {
            var range = new LengthSearchOptions();
            return search ? [range.Low, range.High] : DefaultLengths;
        }

        // A list's own parser takes a number that is there twice for one.
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        if (parts.GroupBy(p => p).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ConfigurationException($"--lengths {text}: {twice.Key} is there twice.");
        }

        double[] lengths = SweepPoint.Lengths("--lengths", Lists.Numbers("--lengths", text));
        return !search || lengths[^1] >= 1.2 * lengths[0]
            ? lengths
            : throw new ConfigurationException($"--lengths {text}: a search needs a range, of which the longest length is at least 1.2 times the shortest. Try 0.015,0.25.");
    }

    private static (long[] Times, string RunId, string Snapshot) Times(RunDirectory run, string? text)
    {
        if (!Directory.Exists(run.Snapshots) || !Directory.EnumerateFiles(run.Snapshots, "*.safetensors").Any())
        {
            throw new ConfigurationException($"{run.Shown} has no snapshots yet; the first comes after training.snapshotImages images.");
        }

        using var snapshots = SnapshotSet.Open(run.Snapshots);
        long[] there = [.. snapshots.Profiles.Select(p => p.ImagesSeen).Distinct().Order()];
        long[] times = text is null ? [there[^1]] : text == "all" ? there : [.. text.Split(',', StringSplitOptions.TrimEntries).Select(Images)];
        foreach (long time in times)
        {
            if (!there.Contains(time))
            {
                throw new ConfigurationException($"--at {time}: {run.Shown} has no snapshot of that time. There are {string.Join(", ", there.TakeLast(16))}{(there.Length > 16 ? $", and {there.Length - 16} earlier ones" : "")}; or give all.");
            }
        }

        return ([.. times.Distinct().Order()], snapshots.Info.RunId ?? run.Name, snapshots.Paths[^1]);
    }

    private static long Images(string text)
    {
        try
        {
            return ImageCount.Parse(text);
        }
        catch (FormatException e)
        {
            throw new ConfigurationException($"--at: {e.Message}");
        }
    }

    private static FeatureReference Reference(RunDirectory run, string metric, string? path, bool features)
    {
        bool network = metric != MetricNames.SlicedWasserstein;
        string made = network
            ? $"'features train --run {run.Shown} --dest F.features', 'metrics ref --data {run.Shown} --features F.features --dest R.safetensors', then --ref R.safetensors --features F.features"
            : $"'metrics ref --data {run.Shown} --dest R.safetensors', then --ref R.safetensors";
        return path is null || (network && !features)
            ? throw new ConfigurationException($"--metric {metric} needs {(path is null ? "--ref, statistics of the images" : "--features, the feature network of the reference")}. Where there is none, make it: {made}.")
            : FeatureReference.Load(path);
    }

    private static string Place(long time, double weight) => ImageCount.Kimg(time) + (weight == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", guidance {weight:0.###}"));

    private static string Shown(string path)
    {
        string relative = Path.GetRelativePath(Environment.CurrentDirectory, path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? Path.GetFullPath(path) : relative;
    }
}
