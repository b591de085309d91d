using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Losses;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Weights;
using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Scores;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Cluster.Tests;

/// <summary>Proves with real processes: evaluators may die, and the scores have the bits of one that nobody disturbed.</summary>
[Collection(ClusterTests.Name)]
public sealed class EvaluatorTests(ClusterData data)
{
    private const double Length = 0.07;
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(150);

    [Fact]
    public async Task Scores_OneOfTwoEvaluatorsKilled_AreThoseOfOneUndisturbed()
    {
        var small = data.Config(1);
        var config = small with
        {
            Data = small.Data with { HeldOut = 12 },
            Training = small.Training with { BatchSize = 64, DurationImages = 2048, StatusImages = 64, SnapshotImages = 1024, CheckpointImages = 0 },
        };
        using var run = new ClusterRun(config, workersToStart: 1);
        await run.StartCoordinator();
        run.StartWorker();
        await run.Finish();
        string reference = Path.Combine(run.Directory, "swd.safetensors");
        using (var making = new ClusterProcess("metrics ref", ["metrics", "ref", "--data", run.RunDirectory, "--dest", reference]))
        {
            Assert.True(await making.Exit() == 0, making.Output);
        }

        var disturbed = await MeasureAsync(run, config, "disturbed", reference, async start =>
        {
            var first = start("one");
            await first.LineWith("done in");
            var second = start("two");
            first.Signal("KILL");
            return second;
        });
        var undisturbed = await MeasureAsync(run, config, "undisturbed", reference, start => Task.FromResult(start("alone")));
        Assert.Equal(["loss", "swd"], undisturbed.Select(s => s.Metric));
        Assert.Equal(undisturbed.Select(Bits), disturbed.Select(Bits));
    }

    private static string Bits(Score score) => $"{score.Identity} {score.WeightsHash} {BitConverter.DoubleToInt64Bits(score.Value)} {BitConverter.DoubleToInt64Bits(score.StandardError!.Value)}";

    /// <summary>Serves a copy of the run, has both jobs measured, and returns what its catalogue says.</summary>
    private static async Task<IReadOnlyList<Score>> MeasureAsync(ClusterRun run, RunConfig config, string name, string reference, Func<Func<string, ClusterProcess>, Task<ClusterProcess>> evaluate)
    {
        using var limit = new CancellationTokenSource(Bound);
        string directory = Path.Combine(run.Directory, name, "tiny");
        Directory.CreateDirectory(Path.Combine(directory, "snapshots"));
        foreach (string file in Directory.GetFiles(Path.Combine(run.RunDirectory, "snapshots"), "*.safetensors"))
        {
            File.Copy(file, Path.Combine(directory, "snapshots", Path.GetFileName(file)));
        }

        var options = new SnapshotServerOptions
        {
            Runs = [directory],
            Library = new SnapshotLibraryOptions { CacheDirectory = Path.Combine(run.Directory, name, "served") },
            Evaluations = new EvaluationHostOptions { Queue = new QueueSettings { Lease = TimeSpan.FromSeconds(3) } },
        };
        await using var server = await SnapshotServer.StartAsync(options, NullLoggerFactory.Instance, limit.Token);
        using var client = new EvaluationClient(server.Grpc.ToString());
        var queued = await client.SubmitAsync([await LossAsync(client, config, Path.Combine(run.Directory, name), limit.Token), await ImagesAsync(client, config, reference, limit.Token)], limit.Token);
        var evaluators = new List<ClusterProcess>();
        try
        {
            var last = await evaluate(called =>
            {
                evaluators.Add(new ClusterProcess(called, ["evaluate", "--coordinator", server.Grpc.ToString(), "--name", called, "--devices", "cpu:1", "--once", "--cache-dir", Path.Combine(run.Directory, name, called)]));
                return evaluators[^1];
            });
            var reports = await client.WaitAsync("tiny", [.. queued.Select(q => q.Key)], null, limit.Token);
            string story = string.Join('\n', evaluators.Select(e => $"--- {e.Name}\n{e.Output}"));
            Assert.True(reports.All(r => r.Phase == JobPhase.Done), $"{string.Join('\n', reports.Select(r => r.Reason))}\n{story}");
            Assert.True(await last.Exit() == 0, story);
        }
        finally
        {
            evaluators.ForEach(e => e.Dispose());
        }

        return [.. ScoreCatalogue.Read(directory).OrderBy(s => s.Metric, StringComparer.Ordinal)];
    }

    private static async Task<EvaluationJob> ImagesAsync(EvaluationClient client, RunConfig config, string reference, CancellationToken cancellationToken)
    {
        var statistics = FeatureReference.Load(reference);
        return new EvaluationJob
        {
            Run = "tiny",
            RelativeStd = Length,
            Metrics = [new MetricRequest(MetricNames.SlicedWasserstein, statistics.HashFor(MetricNames.SlicedWasserstein), PyramidProjections.SpaceOf(statistics.Shape!.Value))],
            Settings = SampledNetwork.Effective(config.Sampler.With("steps", 4)),
            FirstSeed = 3,
            Count = 40,
            Batch = 4,
            PartSeeds = 8,
            Reference = await client.UploadAsync("tiny", reference, cancellationToken),
        };
    }

    private static async Task<EvaluationJob> LossAsync(EvaluationClient client, RunConfig config, string directory, CancellationToken cancellationToken)
    {
        using var dataset = PackedDataset.Open(config.Data.Path);
        var held = HeldOutImages.Of(RunImages.HeldOut(config, dataset));
        string file = Path.Combine(directory, "held-out.safetensors");
        held.Save(file);
        return new EvaluationJob
        {
            Run = "tiny",
            RelativeStd = Length,
            Metrics = [new MetricRequest(MetricNames.HeldOutLoss, held.Hash)],
            Settings = HeldOutScore.SettingsOf(new HeldOutLossOptions { DrawsPerImage = 2 }, config),
            Count = held.Count,
            Batch = 4,
            PartSeeds = 4,
            HeldOut = await client.UploadAsync("tiny", file, cancellationToken),
        };
    }
}
