using Diffusion.Model.Networks;

namespace Diffusion.Model.Layers;

/// <summary>Random Fourier features of the noise level; fixed, but part of the state.</summary>
internal sealed class FourierFeatures
{
    private readonly NetworkBuffer frequencies;
    private readonly NetworkBuffer phases;

    public FourierFeatures(TensorRegistry registry, string name, long count)
    {
        Name = name;
        frequencies = registry.NormalBuffer(name + ".freqs", count, 2 * Math.PI);
        phases = registry.UniformBuffer(name + ".phases", count, 2 * Math.PI);
    }

    public string Name { get; }

    public Tensor Apply(Tensor values) => MagnitudePreserving.Fourier(values, frequencies.Value, phases.Value);

    public void Count(Costs.OperationCounter counter) => counter.Arithmetic(4 * frequencies.ElementCount);
}
