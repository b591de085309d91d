using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Snapshots.Scores;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Serving.Tests.Evaluations;

/// <summary>The example in cluster/examples against a real server.</summary>
[Collection(ServingTests.Name)]
public sealed class PythonEvaluatorTests(ServedRuns runs)
{
    [PythonGrpcFact(needs: "numpy")]
    public async Task Evaluate_PythonExample_MeasuresAllPartsIntoOneScore()
    {
        using var limit = new CancellationTokenSource(ServedRuns.Patience);
        var options = EvaluationEndpointTests.RunOf(runs);
        await using var server = await SnapshotServer.StartAsync(options, NullLoggerFactory.Instance, limit.Token);
        string script = Path.Combine(AppContext.BaseDirectory, "Python", "evaluate.py");
        var (exit, output) = await Programs.RunAsync("/usr/bin/python3", [script, server.Grpc.ToString(), server.Http!.ToString(), "run", "0.08", "300"], limit.Token);
        Assert.True(exit == 0, output);
        Assert.Equal("seeds from 0: reported\nseeds from 256: reported\n", output);
        var score = Assert.Single(ScoreCatalogue.Read(options.Runs[0]));
        Assert.Equal(("external:shrinkage", 300L, 0.08, 3072L), (score.Metric, score.Count, score.RelativeStd, score.ImagesSeen));

        // The test's weights are one row, so every seed sees the same.
        using var weights = await server.Library.OpenAsync(new WeightsQuery("run", 0.08, null, ElementType.Float32), limit.Token);
        using var file = SafetensorsFile.Open(weights.File.Name);
        float[] row = file.Float32("weight");
        Assert.Equal(1 - Math.Sqrt(row.Sum(v => (double)v * v) / row.Length), score.Value, 9);
        Assert.Equal(0, score.StandardError!.Value, 6);
    }
}
