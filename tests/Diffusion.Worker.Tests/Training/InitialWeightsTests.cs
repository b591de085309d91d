using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;
using Diffusion.Native.Collectives;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Worker.Training;
using Microsoft.Extensions.Logging.Abstractions;
using ImageShape = Diffusion.Model.Networks.ImageShape;

namespace Diffusion.Worker.Tests.Training;

/// <summary>A run that starts from a file holds its numbers at step 0, on every rank, also on those that never see the file.</summary>
public sealed class InitialWeightsTests : IDisposable
{
    private static readonly ImageShape Images = new(16, 3, 10);

    private readonly TinyRun run = new(steps: 3);

    public void Dispose() => run.Dispose();

    [Theory]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.Float32)]
    public void Load_Snapshot_IsTheStateAtTheStart(ElementType stored)
    {
        var expected = WriteSnapshot(seed: 11, stored);
        using var state = new ReplicaState(run.Config, Images);
        float drawnPhase = state.Buffers!.Span(1)[0];

        InitialWeights.Load(run.Config.Initialization!, state, NullLogger.Instance, CancellationToken.None);

        Assert.All(state.Network.StateOrder, tensor => Assert.Equal(expected[tensor.Name], tensor.Value.data<float>().ToArray()));
        Assert.NotEqual(drawnPhase, state.Buffers.Span(1)[0]);
        Assert.All(state.Averages, average => Assert.Equal(state.Weights.Span(0, (int)state.Weights.Length).ToArray(), average.Arena.Span(0, (int)average.Arena.Length).ToArray()));
        Assert.Equal(0, state.FirstMoment.Span(0, (int)state.FirstMoment.Length).ToArray().Max(Math.Abs));
    }

    [Fact]
    public void Run_OneRankSeesTheFile_AllHaveTheBitsOfOneRankThatDoes()
    {
        string drawn = Train(run.Config);
        WriteSnapshot(seed: 11, ElementType.Float16);
        string alone = Train(run.Config);
        var elsewhere = run.Config with { Initialization = run.Config.Initialization! with { Path = "/nowhere/weights.safetensors" } };
        Assert.Equal(run.Config.Digest(), elsewhere.Digest());

        Assert.Equal(alone, Train(run.Config, elsewhere));
        Assert.NotEqual(drawn, alone);
    }

    [Fact]
    public void Run_ResumedWithoutTheFile_GoesOnFromItsCheckpoint()
    {
        WriteSnapshot(seed: 11, ElementType.Float16);
        string undisturbed = Train(run.Config);
        RankTrainer? first = null;
        using (first = run.Trainer(new RecordingObserver { OnStep = _ => first!.RequestPause(save: true) }, run.RunDirectory))
        {
            Assert.Equal(GenerationEnd.Paused, TinyRun.Generation([first], ShardPlan.Even(4, 1), writes: true)[0].End);
        }

        File.Delete(run.Config.Initialization!.Path);
        using var resumed = run.Trainer(null, run.RunDirectory);
        var end = TinyRun.Generation([resumed], ShardPlan.Even(4, 1), writes: true)[0];

        Assert.True(end.End == GenerationEnd.Finished, end.Reason);
        Assert.Equal(undisturbed, resumed.StateDigest());
        using var snapshot = SafetensorsFile.Open(Directory.GetFiles(Path.Combine(run.RunDirectory, "snapshots"), "*.safetensors")[0]);
        Assert.Equal(InitialPhases, snapshot.Float32("unet.emb_fourier.phases"));
    }

    [Fact]
    public void Run_WeightsOfAnotherNetwork_AreRefusedByName()
    {
        WriteSnapshot(seed: 11, ElementType.Float16);
        run.Config = run.Config with { Network = run.Config.Network.With("channelMultEmb", 3) };

        string reason = Refusal();

        Assert.Contains("unet.emb_noise.weight is [16, 8], not [24, 8]", reason, StringComparison.Ordinal);
        Assert.Contains("more", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OtherTensorsThanTheRunWasStartedWith_AreRefused()
    {
        WriteSnapshot(seed: 11, ElementType.Float16);
        run.Config = run.Config with { Initialization = run.Config.Initialization! with { ContentId = new string('0', 64) } };

        Assert.Contains("the run was started with 000000000000", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FileThatIsNotThere_IsRefusedWithARemedy()
    {
        run.Config = run.Config with { Initialization = new InitializationConfig { Path = "/nowhere/weights.safetensors" } };

        Assert.Contains("/nowhere/weights.safetensors does not exist", Refusal(), StringComparison.Ordinal);
    }

    private float[] InitialPhases { get; set; } = [];

    private string Refusal()
    {
        using var trainer = run.Trainer();
        var end = TinyRun.Generation([trainer], ShardPlan.Even(4, 1))[0];
        Assert.Equal(GenerationEnd.Failed, end.End);
        Assert.Equal(-1, trainer.CompletedStep);
        return end.Reason;
    }

    // One rank for each configuration; all are the same run.
    private string Train(params RunConfig[] ranks)
    {
        var trainers = new List<RankTrainer>();
        var own = run.Config;
        try
        {
            foreach (var config in ranks)
            {
                run.Config = config;
                trainers.Add(run.Trainer());
            }

            Assert.All(TinyRun.Generation(trainers, ShardPlan.Even(4, ranks.Length)), end => Assert.True(end.End == GenerationEnd.Finished, end.Reason));
            return Assert.Single(trainers.Select(trainer => trainer.StateDigest()).Distinct());
        }
        finally
        {
            run.Config = own;
            trainers.ForEach(trainer => trainer.Dispose());
        }
    }

    // Another seed than the run's, so that nothing fits by chance. Returns what the file's numbers are as float32.
    private Dictionary<string, float[]> WriteSnapshot(long seed, ElementType stored)
    {
        using var source = new ReplicaState(run.Config with { Seed = seed }, Images);
        var values = source.Network.StateOrder.Select(tensor => tensor.Value.data<float>().ToArray()).ToArray();
        var tensors = source.Network.StateOrder.Select(tensor => new SnapshotTensor(tensor.Name, tensor.Shape, tensor is NetworkBuffer)).ToArray();
        var entry = new SnapshotWriter(run.Directory, null, stored).Write(new SnapshotInfo { ImagesSeen = 5000, RelativeStd = 0.1 }, tensors, index => values[index]);
        string path = Path.Combine(run.Directory, entry.File);
        using var file = NetworkFile.Open(path);
        run.Config = run.Config with { Initialization = new InitializationConfig { Path = path, ContentId = file.ContentId() } };
        var expected = tensors.Zip(values).ToDictionary(
            pair => pair.First.Name, pair => stored == ElementType.Float16 ? [.. pair.Second.Select(value => (float)(Half)value)] : pair.Second);
        InitialPhases = expected["unet.emb_fourier.phases"];
        return expected;
    }
}
