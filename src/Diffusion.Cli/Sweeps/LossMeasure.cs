using Diffusion.Cli.Metrics;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Losses;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.Sweeps;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Sweeps;

/// <summary>The loss on images kept out of training, with the same noise for every length.</summary>
internal sealed class LossMeasure : SweepMeasure
{
    private const int PartImages = 256;

    private readonly RunConfig config;
    private readonly RunDirectory run;
    private readonly string runId;
    private readonly HeldOutLossOptions how;
    private readonly PackedDataset dataset;
    private readonly ImageSet images;
    private readonly HeldOutLoss loss;

    public LossMeasure(RunDirectory run, string runId, HeldOutLossOptions how, CancellationToken cancellationToken)
    {
        (this.run, this.runId, this.how, config) = (run, runId, how, run.RequiredConfig());
        if (config.Data.HeldOut == 0)
        {
            throw new ConfigurationException($"{run.Shown} kept no images out of training (data.heldOut is 0), so it has no loss to compare lengths by. Measure samples: --metric swd --ref FILE, where 'metrics ref --data {run.Shown} --dest FILE' makes the file.");
        }

        dataset = TrainingImages.Open(run, config, cancellationToken);
        images = RunImages.HeldOut(config, dataset);
        loss = new HeldOutLoss(images, ModelParts.CreateNoise(config.Noise), ModelParts.CreateLoss(config.Loss), how);
    }

    public override Score Expected(SweepPoint point) => HeldOutScore.Of(new HeldOutLossResult(0, 0, [], []), images, how, config, Subject(point), DateTimeOffset.UnixEpoch);

    public override Score Measure(SweepPoint point, string path, IProgress<double> progress, CancellationToken cancellationToken)
    {
        using var network = SnapshotNetwork.Load(path, cancellationToken: cancellationToken);
        var result = loss.Measure(network, new ShareOf(images.Count, progress), cancellationToken);
        return HeldOutScore.Of(result, images, how, config, SampledSnapshot.Of(path, run), TimeProvider.System.GetLocalNow());
    }

    public override async Task<EvaluationJob> JobAsync(EvaluationClient client, CancellationToken cancellationToken)
    {
        var expected = Expected(new SweepPoint(0, 0.1));
        var held = HeldOutImages.Of(images);
        string folder = Directory.CreateTempSubdirectory("diffusion-held-out-").FullName;
        try
        {
            string file = Path.Combine(folder, "held-out.safetensors");
            held.Save(file);
            return new EvaluationJob
            {
                Run = runId,
                RelativeStd = expected.RelativeStd,
                Metrics = [new MetricRequest(MetricNames.HeldOutLoss, held.Hash)],
                Settings = expected.Settings,
                Count = held.Count,
                Batch = how.BatchSize,
                PartSeeds = how.BatchSize * Math.Max(1, PartImages / how.BatchSize),
                HeldOut = await client.UploadAsync(runId, file, cancellationToken),
            };
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public override void Dispose() => dataset.Dispose();

    private SampledNetwork Subject(SweepPoint point) => new() { RunId = runId, ImagesSeen = point.ImagesSeen, RelativeStd = point.RelativeStd, Settings = config.Sampler };

    private sealed class ShareOf(int total, IProgress<double> progress) : IProgress<int>
    {
        public void Report(int value) => progress.Report((double)value / total);
    }
}
