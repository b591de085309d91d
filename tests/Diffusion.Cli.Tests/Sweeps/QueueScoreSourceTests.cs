using Diffusion.Cli.Sweeps;
using Diffusion.Cli.Tests.Verbs;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Sweeps;
using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Scores;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Cli.Tests.Sweeps;

/// <summary>A sweep through a real queue on loopback, with evaluators that only pretend to sample.</summary>
public sealed class QueueScoreSourceTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly EvaluatorIdentity Identity = new("one", "box", "kind", ["swd"], []);

    private readonly TemporaryFolder folder = new();
    private readonly CancellationTokenSource limit = new(Patience);

    public void Dispose()
    {
        limit.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task MeasureAsync_PointsOfTwoTimes_AreToldAndKept()
    {
        await using var server = await StartAsync();
        var evaluator = EvaluateAsync(server.Grpc.ToString(), failing: 0);
        var run = new RunDirectory(folder.In("tiny"));
        await using var source = new QueueScoreSource(run, new FakeMeasure(), server.Grpc.ToString(), new Progress<double>());
        var told = new Dictionary<SweepPoint, Score>();

        await source.MeasureAsync([new(1024, 0.05), new(2048, 0.1), new(2048, 0.1, Repetition: 1)], told.Add, limit.Token);

        Assert.Equal(3, told.Count);
        Assert.All(told, p => Assert.Equal((p.Key.ImagesSeen, p.Key.RelativeStd, p.Key.RelativeStd * 10), (p.Value.ImagesSeen, p.Value.RelativeStd, p.Value.Value)));
        Assert.Equal(8, told[new(2048, 0.1, Repetition: 1)].FirstSeed);
        Assert.Equal(told.Values.Select(s => s.Identity).Order(), ScoreCatalogue.Read(run.Path).Select(s => s.Identity).Order());
        await evaluator;
    }

    [Fact]
    public async Task MeasureAsync_OneFails_SaysWhichAndWhy()
    {
        await using var server = await StartAsync();
        var evaluator = EvaluateAsync(server.Grpc.ToString(), failing: 0.1);
        var run = new RunDirectory(folder.In("tiny"));
        await using var source = new QueueScoreSource(run, new FakeMeasure(), server.Grpc.ToString(), new Progress<double>());

        var failure = await Assert.ThrowsAsync<VerbFailedException>(() => source.MeasureAsync([new(1024, 0.1)], (_, _) => { }, limit.Token));

        Assert.Contains("EMA length 0.1 at 1024 images was not measured", failure.Message);
        Assert.Contains("no such thing", failure.Message);
        await evaluator;
    }

    [Fact]
    public async Task MeasureAsync_NobodyThere_SaysSo()
    {
        await using var source = new QueueScoreSource(new RunDirectory(folder.Path), new FakeMeasure(), "127.0.0.1:1", new Progress<double>());

        Assert.Contains("Nobody answers at 127.0.0.1:1", (await Assert.ThrowsAsync<VerbFailedException>(() => source.MeasureAsync([new(1024, 0.1)], (_, _) => { }, limit.Token))).Message);
    }

    private Task<SnapshotServer> StartAsync()
    {
        foreach (long time in new[] { 1024, 2048 })
        {
            SnapshotFiles.Write(folder.In("tiny/snapshots"), imagesSeen: time);
        }

        File.WriteAllText(folder.In("tiny/run.json"), StrictJson.Write(SnapshotFiles.Config));
        var library = new SnapshotLibraryOptions { CacheDirectory = folder.In("cache") };
        return SnapshotServer.StartAsync(new SnapshotServerOptions { Runs = [folder.In("tiny")], Library = library, HttpPort = null }, NullLoggerFactory.Instance, limit.Token);
    }

    // Works until everything that was submitted is over.
    private async Task EvaluateAsync(string address, double failing)
    {
        using var client = new EvaluationClient(address);
        string statistics = folder.In("statistics");
        await File.WriteAllTextAsync(statistics, "sums", limit.Token);
        bool worked = false;
        while (true)
        {
            var answer = await client.LeaseAsync(Identity, TimeSpan.FromSeconds(0.2), limit.Token);
            if (answer.Task is not { } task)
            {
                if (worked && answer.AllOver)
                {
                    return;
                }

                continue;
            }

            worked = true;
            if (task.Job.RelativeStd == failing)
            {
                await client.ReportFailureAsync(Identity, task, "There is no such thing.", isFinal: true, limit.Token);
            }
            else if (task.IsMerge)
            {
                await client.ReportAsync(Identity, task, [task.Job.Expected(task.Job.Metrics[0]) with { Value = task.Job.RelativeStd * 10, MeasuredAt = DateTimeOffset.UnixEpoch }], [], limit.Token);
            }
            else
            {
                await client.ReportAsync(Identity, task, statistics, limit.Token);
            }
        }
    }

    private sealed class FakeMeasure : SweepMeasure
    {
        private static readonly EvaluationJob Template = new()
        {
            Run = "tiny",
            RunId = "test",
            RelativeStd = 0.1,
            Metrics = [new MetricRequest(MetricNames.SlicedWasserstein, "reference", new FeatureSpace("pyramid", "hash", "pyramid", 4))],
            Settings = ComponentConfig.Of("edm2-heun", ("steps", 2)),
            Count = 8,
            Batch = 4,
            PartSeeds = 4,
        };

        public override Score Expected(SweepPoint point)
        {
            var job = Template with { ImagesSeen = point.ImagesSeen, RelativeStd = point.RelativeStd, FirstSeed = 8 * point.Repetition };
            return job.Expected(job.Metrics[0]);
        }

        public override Score Measure(SweepPoint point, string path, IProgress<double> progress, CancellationToken cancellationToken) => throw new InvalidOperationException("evaluators measure");

        public override Task<EvaluationJob> JobAsync(EvaluationClient client, CancellationToken cancellationToken) => Task.FromResult(Template);

        public override void Dispose()
        {
        }
    }
}
