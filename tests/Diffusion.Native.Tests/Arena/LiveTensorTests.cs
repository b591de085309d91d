using Diffusion.Native.Collectives;
using TorchSharp;

namespace Diffusion.Native.Tests.Arenas;

[Collection(Collectives.RunsAlone.Name)]
public sealed class LiveTensorTests
{
    [Fact]
    public void Everything_Disposed_LeavesNoTensor()
    {
        var layout = new ArenaLayout([("a", [3, 4]), ("b", [5])]);
        long before = torch.Tensor.TotalCount;
        using (var weights = new Arena(layout))
        using (var gradients = new Arena(layout))
        using (var first = new Arena(layout))
        using (var second = new Arena(layout))
        using (var parameters = ArenaParameters.Bind(weights, gradients))
        using (var accumulator = new ShardAccumulator(layout, torch.CPU, threads: 1))
        {
            accumulator.Begin(new ShardRange(0, 4));
            for (int shard = 0; shard < 4; shard++)
            {
                accumulator.Add(shard, gradients);
            }

            var step = new AdamStep { LearningRate = 0.1, Step = 1, ReplaceNonFinite = true };
            FusedAdam.Apply(weights, gradients, first, second, [], step, threads: 1);
            ComposedKernels.Adam(weights, gradients, first, second, [], step);
            ComposedKernels.Add(weights, first, second);
            ComposedKernels.Scale(weights, 0.5f);
            ComposedKernels.Summarize(weights);
        }

        Assert.Equal(before, torch.Tensor.TotalCount);
    }
}
