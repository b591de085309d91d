using Diffusion.Contracts.Configuration;
using Diffusion.Serving;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Cluster.Tests;

/// <summary>Proves with real processes: evaluators get weights of a run that trains, and training does not notice.</summary>
[Collection(WaitingClusterTests.Name)]
public sealed class ServingTests(ClusterData data)
{
    [Fact]
    public async Task Fetch_WhileTraining_IsTheReconstructionAndLeavesTheBitsAlone()
    {
        // Names of snapshots count thousands of images, so batches are large enough for several thousands.
        var small = data.Config(1);
        var config = small with { Training = small.Training with { BatchSize = 64, DurationImages = 64 * 128, StatusImages = 64, SnapshotImages = 1024, CheckpointImages = 0 } };
        using var run = await StartAsync(config);
        await run.Status(status => status.LastSnapshotImages >= 2048, "two snapshots");

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(120));
        using var client = new SnapshotClient(run.Endpoint);
        string file = Path.Combine(run.Directory, "fetched");
        var fetched = await client.FetchAsync(new WeightsQuery("", 0.07), file, progress: null, limit.Token);
        using var http = new HttpClient();
        byte[] overHttp = await http.GetByteArrayAsync($"{await client.FindHttpAsync(limit.Token)}/{fetched.Run}/snapshots/{fetched.ImagesSeen}/ema/0.070.safetensors", limit.Token);
        Assert.True((await run.Status(_ => true, "any status")).ImagesSeen < config.Training.DurationImages, "The run was over before the fetch was; give it more steps.");

        await run.Finish();
        using var snapshots = SnapshotSet.Open(Path.Combine(run.RunDirectory, "snapshots"), SnapshotName.Training);
        var own = PostHocReconstruction.Plan(snapshots, [0.07], [fetched.ImagesSeen]).Run(Path.Combine(run.Directory, "own"))[0];
        byte[] expected = await File.ReadAllBytesAsync(Path.Combine(run.Directory, "own", own.File), limit.Token);
        Assert.Equal(expected, await File.ReadAllBytesAsync(file, limit.Token));
        Assert.Equal(expected, overHttp);

        using var undisturbed = await StartAsync(config);
        await undisturbed.Finish();
        Assert.Equal(undisturbed.Bits(), run.Bits());
    }

    private static async Task<ClusterRun> StartAsync(RunConfig config)
    {
        var run = new ClusterRun(config, workersToStart: 1);
        await run.StartCoordinator();
        run.StartWorker();
        return run;
    }
}
