using System.Globalization;
using Diffusion.Cli.Metrics;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Charts;
using Diffusion.Evaluation.Latents;
using Diffusion.Evaluation.Losses;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.Sampling;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Snapshots.Scores;
using TorchSharp;

namespace Diffusion.Cli.Report;

/// <summary>One EMA length, measured.</summary>
internal sealed record MeasuredLength(double RelativeStd, string Path, HeldOutLossResult Loss, double ExpectedError);

/// <summary>After training: reconstructs EMA lengths, measures each on held-out images with the same noise, draws the curve, samples from the best.</summary>
internal sealed class RunReport(RunDirectory run, ReportOptions options, CancellationToken cancellationToken)
{
    private readonly RunConfig config = run.RequiredConfig();

    public string CurvePng => Path.Combine(run.Report, "curve.png");

    public string CurveSvg => Path.Combine(run.Report, "curve.svg");

    public string Grid => Path.Combine(run.Report, "grid.png");

    public string Numbers => Path.Combine(run.Report, "sweep.json");

    /// <summary>Makes the whole report; files appear as they are done.</summary>
    /// <returns>The measured lengths, the best one, and how many images the grid holds: none of a run on latents without a decoder.</returns>
    public (IReadOnlyList<MeasuredLength> Sweep, MeasuredLength Best, int Samples) Create()
    {
        // The trainers have gone; every core is free for this.
        torch.set_num_threads(Environment.ProcessorCount);
        Directory.CreateDirectory(run.Report);

        // 1. Averages of all lengths, in one pass over the snapshots.
        var averages = Reconstruct(out long imagesSeen);

        // 2. The loss of each, on images that training never saw, with the same noise for all.
        using var dataset = OpenData();
        var images = RunImages.HeldOut(config, dataset);
        var how = new HeldOutLossOptions { DrawsPerImage = options.DrawsPerImage };
        var measure = new HeldOutLoss(images, ModelParts.CreateNoise(config.Noise), ModelParts.CreateLoss(config.Loss), how);
        var sweep = averages.Select(a => Measure(a.Target, a.Path, measure)).ToArray();
        ScoreCatalogue.Append(run.Path, [.. sweep.Select(m => HeldOutScore.Of(m.Loss, images, how, config, SampledSnapshot.Of(m.Path, run), TimeProvider.System.GetLocalNow()))], cancellationToken);
        var best = sweep.MinBy(m => m.Loss.Mean)!;
        Draw(sweep, best, imagesSeen, images.Count);
        AtomicFile.WriteAllBytes(Numbers, System.Text.Encoding.UTF8.GetBytes(SweepJson.Write(run.Name, imagesSeen, images.Count, options.DrawsPerImage, sweep, best)));

        // 3. Samples from the best, where they can be seen.
        using var network = SnapshotNetwork.Load(best.Path, cancellationToken: cancellationToken);
        bool latents = SampleGrid.NeedsAutoencoder(network);
        if (latents && options.Autoencoder is null)
        {
            return (sweep, best, 0);
        }

        using var autoencoder = latents ? ScriptedAutoencoder.Load(options.Autoencoder) : null;
        int samples = SampleGrid.Write(Grid, network, ModelParts.CreateSampler(config.Sampler), options.FirstSeed, autoencoder: autoencoder, cancellationToken: cancellationToken);
        return (sweep, best, samples);
    }

    private List<(PlannedReconstruction Target, string Path)> Reconstruct(out long imagesSeen)
    {
        using var snapshots = SnapshotSet.Open(run.Snapshots);
        var plan = PostHocReconstruction.Plan(snapshots, [.. options.Lengths]);
        imagesSeen = plan.Outputs[0].Target.ImagesSeen;
        Console.WriteLine($"Reconstructing {plan.Outputs.Count} EMA lengths at {ImageCount.Kimg(imagesSeen)} from {snapshots.Paths.Count} snapshots");
        ReconstructionText.WriteRough(plan);
        long first = snapshots.Profiles.Min(profile => profile.ImagesSeen);
        Console.WriteLine($"Share of each that is weights from before {ImageCount.Kimg(first)}, the first snapshot: {string.Join(", ", plan.Outputs.Select(output => EarlyShare(output.Target, first)))}");
        plan.Run(run.Report, new ReconstructionOptions { VerifyInputs = true }, cancellationToken: cancellationToken);
        return [.. plan.Outputs.Select(o => (o, Path.Combine(run.Report, SnapshotName.For(SnapshotName.PostHoc, o.Target.ImagesSeen, o.Target.RelativeStd).FileName)))];
    }

    private static string EarlyShare(ProfileAt target, long images)
    {
        double share = new PowerFunctionProfile(target.RelativeStd).ShareOfInitialWeights(images, target.ImagesSeen);
        return string.Create(CultureInfo.InvariantCulture, $"{target.RelativeStd:0.###} {100 * share:0.##} %");
    }

    private PackedDataset OpenData() => options.PackedData is { } packed
        ? PackedDataset.Open(packed)
        : TrainingImages.Open(run, config, cancellationToken);

    private MeasuredLength Measure(PlannedReconstruction average, string path, HeldOutLoss measure)
    {
        using var network = SnapshotNetwork.Load(path, cancellationToken: cancellationToken);
        var loss = measure.Measure(network, cancellationToken: cancellationToken);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  EMA {average.Target.RelativeStd:0.000}  loss {loss.Mean:0.00000} ± {loss.StandardError:0.00000}"));
        return new MeasuredLength(average.Target.RelativeStd, path, loss, average.Solution.ExpectedError);
    }

    private void Draw(MeasuredLength[] sweep, MeasuredLength best, long imagesSeen, int images)
    {
        // All lengths saw the same noise: what tells them apart is the error of their difference, not of each alone.
        var points = sweep.Select(m => new ChartPoint(m.RelativeStd, m.Loss.Mean, m.Loss.DifferenceTo(best.Loss).StandardError)).ToArray();
        var chart = new LineChart
        {
            Title = $"{run.Name}: held-out loss over EMA length",
            Subtitle = $"{ImageCount.Kimg(imagesSeen)}, {images} held-out images at {options.DrawsPerImage} noise levels; bars: standard error of the difference to the minimum",
            XLabel = "EMA length σ_{rel}",
            YLabel = "weighted squared error per pixel",
            XScale = ChartScale.Logarithmic,
            MarkMinimum = true,
            Series = [new ChartSeries("loss", points)],
        };
        chart.Save(CurveSvg);
        chart.Save(CurvePng);
    }
}
