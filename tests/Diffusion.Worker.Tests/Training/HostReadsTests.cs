#if !USE_PACKAGES
using Diffusion.Native.Collectives;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Tests.Training;

/// <summary>How often a step waits for its device: once, for everything the log wants, however many shards and passes it has. (The norm of the gradient is a second reading on a GPU; the processor's kernel needs none.)</summary>
public sealed class HostReadsTests : IDisposable
{
    private readonly TinyRun run = new(steps: 6);

    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, 0)]
    [InlineData(4, 1)]
    public void Run_AnyNumberOfPasses_ReadsOncePerStep(int shards, int microBatch)
    {
        run.Config = run.Config with { Shards = shards, Training = run.Config.Training with { MicroBatchSize = microBatch } };
        var reads = new List<long>();
        using var trainer = run.Trainer(new RecordingObserver { OnStep = _ => reads.Add(TorchSharp.NativeHooks.HostReads) });
        var result = TinyRun.Generation([trainer], new ShardPlan(shards, [shards]))[0];

        Assert.True(result.End == GenerationEnd.Finished, result.Reason);
        Assert.All(reads.Zip(reads.Skip(1)), pair => Assert.Equal(1, pair.Second - pair.First));
    }

    public void Dispose() => run.Dispose();
}
#endif
