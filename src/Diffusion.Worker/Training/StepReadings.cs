using Diffusion.Model.Objectives;
using TorchSharp;

namespace Diffusion.Worker.Training;

/// <summary>What the forward passes of a step leave on the device for the log, and one reading of all of it: a reading for each pass would have the processor wait for the GPU, and the GPU then for the processor.</summary>
internal sealed class StepReadings : IDisposable
{
    private readonly List<(int Shard, int Images, long Elements)> passes = [];
    private readonly List<torch.Tensor> values = [];

    /// <summary>Keeps what a forward pass says; nothing is waited for.</summary>
    /// <param name="shard">The shard it belongs to.</param>
    /// <param name="result">The pass.</param>
    /// <param name="sum">Sum of its loss map, a float32 scalar.</param>
    public void Add(int shard, LossResult result, torch.Tensor sum)
    {
        using var guard = torch.no_grad();
        passes.Add((shard, (int)result.Sigma.numel(), result.Map.numel()));
        values.Add(torch.cat([sum.detach().reshape(1), result.Sigma.reshape(-1), result.ImageError.reshape(-1)], 0).DetachFromDisposeScope());
    }

    /// <summary>Waits for all passes and adds what they say to their shards' records.</summary>
    public void Read(ShardRecord[] records)
    {
        if (passes.Count == 0)
        {
            return;
        }

        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        ReadOnlySpan<float> all = torch.cat([.. values], 0).cpu().data<float>().ToArray();
        for (int first = 0; first < passes.Count;)
        {
            int shard = passes[first].Shard;
            var bands = new NoiseBands();
            for (; first < passes.Count && passes[first].Shard == shard; first++)
            {
                int images = passes[first].Images;
                records[shard].LossSum += all[0];
                records[shard].LossCount += passes[first].Elements;
                bands.Add(all.Slice(1, images), all.Slice(1 + images, images));
                all = all[(1 + (2 * images))..];
            }

            records[shard].SetBands(bands);
        }

        Dispose();
    }

    /// <summary>Forgets what was not read.</summary>
    public void Dispose()
    {
        values.ForEach(value => value.Dispose());
        values.Clear();
        passes.Clear();
    }
}
