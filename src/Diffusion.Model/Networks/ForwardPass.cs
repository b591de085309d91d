namespace Diffusion.Model.Networks;

/// <summary>What holds for one evaluation of a network.</summary>
/// <param name="Training">Whether dropout is active.</param>
/// <param name="DropoutGenerator">Source of dropout masks.</param>
/// <param name="Probe">Sees the output of every module.</param>
internal readonly record struct ForwardPass(bool Training, Generator? DropoutGenerator, Action<string, Tensor>? Probe)
{
    /// <summary>Inverted dropout: zero with the given probability, otherwise scaled up so that the mean stays.</summary>
    public Tensor Dropout(Tensor x, double probability)
    {
        if (!Training || probability == 0)
        {
            return x;
        }

        var generator = DropoutGenerator ?? throw new InvalidOperationException($"The network trains with dropout {probability} but has no generator for it. Set DropoutGenerator to one seeded for this step and shard.");

        // Never the global generator: ranks that are threads of one process would share it.
        var mask = torch.rand(x.shape, dtype: ScalarType.Float32, device: x.device, generator: generator).ge(probability);
        return x.mul(mask.to(x.dtype)).div(1 - probability);
    }

    public Tensor Report(string module, Tensor output)
    {
        Probe?.Invoke(module, output);
        return output;
    }
}
