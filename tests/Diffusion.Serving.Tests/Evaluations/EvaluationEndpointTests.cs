using Diffusion.Contracts.Configuration;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Scores;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Serving.Tests.Evaluations;

/// <summary>Queue, client and endpoint over real gRPC on loopback, with evaluators that only pretend to sample.</summary>
[Collection(ServingTests.Name)]
public sealed class EvaluationEndpointTests(ServedRuns runs) : IDisposable
{
    private static readonly EvaluatorIdentity Evaluator = new("one", "box", "kind", ["swd", "external:x"], []);
    private readonly CancellationTokenSource limit = new(ServedRuns.Patience);

    public void Dispose() => limit.Dispose();

    [Fact]
    public async Task Job_FromSubmitToScore_SurvivesTheServer()
    {
        var options = Run();
        string run = options.Runs[0];
        var job = Job();
        string key;
        await using (var server = await SnapshotServer.StartAsync(options, NullLoggerFactory.Instance, limit.Token))
        {
            using var client = new EvaluationClient(server.Grpc.ToString());
            var report = Assert.Single(await client.SubmitAsync([job], limit.Token));
            key = report.Key;
            Assert.Equal(("run", "tiny-1", 3072L, JobPhase.Measuring), (report.Job.Run, report.Job.RunId, report.Job.ImagesSeen, report.Phase));
            var task = (await client.LeaseAsync(Evaluator, null, limit.Token)).Task!;
            Assert.Equal(new SeedRange(0, 4), task.Seeds);
            Assert.Null(await client.RenewAsync(Evaluator, task, 2, limit.Token));
            Assert.Equal((0, 2), Counts(Assert.Single(await client.ListAsync("run", limit.Token))));
            Assert.Null(await client.ReportAsync(Evaluator, task, Statistics("first"), limit.Token));
            Assert.Null(await client.ReportAsync(Evaluator, task, Statistics("first"), limit.Token));
            Assert.Contains("other bytes", await client.ReportAsync(Evaluator, task, Statistics("other"), limit.Token), StringComparison.Ordinal);
        }

        await using (var server = await SnapshotServer.StartAsync(options, NullLoggerFactory.Instance, limit.Token))
        {
            using var client = new EvaluationClient(server.Grpc.ToString());
            Assert.Equal((4, 0), Counts(Assert.Single(await client.ListAsync("", limit.Token))));
            var waiting = client.WaitAsync("run", [key], null, limit.Token);
            var task = (await client.LeaseAsync(Evaluator, null, limit.Token)).Task!;
            Assert.Equal((1, new SeedRange(4, 2)), (task.Part, task.Seeds));
            Assert.Null(await client.ReportAsync(Evaluator, task, Statistics("second"), limit.Token));
            var last = (await client.LeaseAsync(Evaluator, null, limit.Token)).Task!;
            Assert.Equal((true, 2), (last.IsMerge, last.Statistics.Count));
            var folder = new EvaluationFiles(runs.Fresh(), 1 << 20);
            string[] texts = [.. await Task.WhenAll(last.Statistics.Select(async d => await File.ReadAllTextAsync(await client.FetchIntoAsync("run", d, folder, limit.Token), limit.Token)))];
            Assert.Equal(["first", "second"], texts);
            var score = last.Job.Expected(last.Job.Metrics[0]) with { Value = 2.5, MeasuredAt = DateTimeOffset.UnixEpoch };
            Assert.Null(await client.ReportAsync(Evaluator, last, [score], ["a remark"], limit.Token));
            var done = Assert.Single(await waiting);
            Assert.Equal((JobPhase.Done, 2.5, "a remark"), (done.Phase, done.Scores[0].Value, done.Remarks[0]));
            Assert.Equal(2.5, Assert.Single(ScoreCatalogue.Read(run)).Value);
            Assert.Empty(Directory.GetFiles(Path.Combine(run, "evaluations", "files")));

            // What the catalogue has is not measured again, also when the queue has forgotten it.
            var again = await client.SubmitAsync([job], limit.Token);
            Assert.Equal(JobPhase.Done, again[0].Phase);
            Assert.True((await client.LeaseAsync(Evaluator, TimeSpan.Zero, limit.Token)).AllOver);
        }
    }

    [Fact]
    public async Task Part_DamagedOnTheDisk_IsMeasuredAgain()
    {
        var options = Run();
        await using (var server = await SnapshotServer.StartAsync(options, NullLoggerFactory.Instance, limit.Token))
        {
            using var client = new EvaluationClient(server.Grpc.ToString());
            await client.SubmitAsync([Job()], limit.Token);
            var task = (await client.LeaseAsync(Evaluator, null, limit.Token)).Task!;
            await client.ReportAsync(Evaluator, task, Statistics("first"), limit.Token);
        }

        string file = Assert.Single(Directory.GetFiles(Path.Combine(options.Runs[0], "evaluations", "files")));
        await File.WriteAllTextAsync(file, "fjrst", limit.Token);
        await using var second = await SnapshotServer.StartAsync(options, NullLoggerFactory.Instance, limit.Token);
        using var other = new EvaluationClient(second.Grpc.ToString());
        Assert.Equal(0, (await other.LeaseAsync(Evaluator, null, limit.Token)).Task!.Part);
    }

    [Fact]
    public async Task External_SumsOfParts_BecomeMeanAndError()
    {
        await using var server = await SnapshotServer.StartAsync(Run(), NullLoggerFactory.Instance, limit.Token);
        using var client = new EvaluationClient(server.Grpc.ToString());
        var job = Job() with { Metrics = [new MetricRequest("external:x", "")], Settings = ComponentConfig.Of("external") };
        string key = (await client.SubmitAsync([job], limit.Token))[0].Key;
        for (int part = 0; part < 2; part++)
        {
            var task = (await client.LeaseAsync(Evaluator, null, limit.Token)).Task!;
            double[] values = [.. Enumerable.Range((int)task.Seeds.First, task.Seeds.Count).Select(i => (double)i)];
            string bad = Sums(task.Seeds.Count + 1, 0, 0);
            Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => client.ReportAsync(Evaluator, task, bad, limit.Token))).StatusCode);
            Assert.Null(await client.ReportAsync(Evaluator, task, Sums(values.Length, values.Sum(), values.Sum(v => v * v)), limit.Token));
        }

        var score = (await client.WaitAsync("run", [key], null, limit.Token))[0].Scores[0];
        Assert.Equal(2.5, score.Value);
        Assert.Equal(Math.Sqrt(3.5 / 6), score.StandardError!.Value, 12);
    }

    [Theory]
    [InlineData("nothing", 0.07, 6, StatusCode.NotFound, "There is run.")]
    [InlineData("run", 0.3, 6, StatusCode.InvalidArgument, "0.289")]
    [InlineData("run", 0.07, 1, StatusCode.InvalidArgument, "2 to")]
    public async Task SubmitAsync_WhatCannotBe_SaysWhy(string run, double length, int count, StatusCode status, string says)
    {
        await using var server = await SnapshotServer.StartAsync(Run(), NullLoggerFactory.Instance, limit.Token);
        using var client = new EvaluationClient(server.Grpc.ToString());
        var refusal = await Assert.ThrowsAsync<RpcException>(() => client.SubmitAsync([Job() with { Run = run, RelativeStd = length, Count = count }], limit.Token));
        Assert.Equal(status, refusal.StatusCode);
        Assert.Contains(says, refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SubmitAsync_AFileThatWasNotUploaded_IsNamed()
    {
        await using var server = await SnapshotServer.StartAsync(Run(), NullLoggerFactory.Instance, limit.Token);
        using var client = new EvaluationClient(server.Grpc.ToString());
        string file = Statistics("reference");
        var job = Job() with { Reference = EvaluationFiles.DigestOf(file) };
        var refusal = await Assert.ThrowsAsync<RpcException>(() => client.SubmitAsync([job], limit.Token));
        Assert.Contains(job.Reference[..12], refusal.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(job.Reference, await client.UploadAsync("run", file, limit.Token));
        Assert.Equal(job.Reference, await client.UploadAsync("run", file, limit.Token));
        Assert.Equal(JobPhase.Measuring, (await client.SubmitAsync([job], limit.Token))[0].Phase);
    }

    [Theory]
    [InlineData(2, "", "swd", "protocol 2")]
    [InlineData(1, "0.0.1+other", "swd", "0.0.1+other")]
    public async Task Lease_AnotherVersion_IsRefusedWithBoth(int protocol, string build, string metric, string says)
    {
        await using var server = await SnapshotServer.StartAsync(Run(), NullLoggerFactory.Instance, limit.Token);
        using var channel = GrpcChannel.ForAddress($"http://{server.Grpc}");
        var service = new V1.EvaluationService.EvaluationServiceClient(channel);
        var request = new V1.LeaseRequest { EvaluatorId = "a", Protocol = protocol, Build = build, Numerics = "n", Metrics = { metric } };
        var refusal = await Assert.ThrowsAsync<RpcException>(() => service.LeaseAsync(request, cancellationToken: limit.Token).ResponseAsync);
        Assert.Equal(StatusCode.FailedPrecondition, refusal.StatusCode);
        Assert.Contains(says, refusal.Status.Detail, StringComparison.Ordinal);
        Assert.Contains(EvaluationProtocol.Build, refusal.Status.Detail, StringComparison.Ordinal);
    }

    private static EvaluationJob Job() => EvaluationRulesTests.Job(count: 6) with { Run = "run", RunId = "", ImagesSeen = -1 };

    private static (int Done, int InWork) Counts(JobReport report) => (report.SeedsDone, report.SeedsInWork);

    private SnapshotServerOptions Run() => RunOf(runs);

    /// <summary>A run of its own: queues are locked by their server.</summary>
    internal static SnapshotServerOptions RunOf(ServedRuns runs)
    {
        string root = Path.Combine(runs.Fresh(), "run");
        Directory.CreateDirectory(Path.Combine(root, "snapshots"));
        foreach (string length in new[] { "0.050", "0.100" })
        {
            File.CreateSymbolicLink(Path.Combine(root, "snapshots", Path.GetFileName(runs.Stored(3, length))), runs.Stored(3, length));
        }

        return runs.Options() with { Runs = [root] };
    }

    private string Statistics(string text)
    {
        string path = Path.Combine(runs.Fresh(), "statistics");
        File.WriteAllText(path, text);
        return path;
    }

    private string Sums(params double[] sums)
    {
        string path = Path.Combine(runs.Fresh(), "sums");
        File.WriteAllBytes(path, [.. sums.SelectMany(BitConverter.GetBytes)]);
        return path;
    }
}
