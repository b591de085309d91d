using Diffusion.Model.Networks;

namespace Diffusion.Model.Layers;

/// <summary>A linear layer or convolution without bias whose weight is normalised per output: the only layer with weights in EDM2.</summary>
internal sealed class NormalizedWeight
{
    private readonly long kernel;

    /// <param name="registry">Where the weight is registered.</param>
    /// <param name="name">Module name; the tensor is <c>name.weight</c>.</param>
    /// <param name="inputs">Input channels.</param>
    /// <param name="outputs">Output channels.</param>
    /// <param name="kernel">Side of the convolution kernel; 0 for a linear layer.</param>
    public NormalizedWeight(TensorRegistry registry, string name, long inputs, long outputs, long kernel)
    {
        this.kernel = kernel;
        Name = name;
        Inputs = inputs;
        Outputs = outputs;
        Weight = kernel == 0 ? registry.Weight(name + ".weight", outputs, inputs) : registry.Weight(name + ".weight", outputs, inputs, kernel, kernel);
    }

    public string Name { get; }

    public long Inputs { get; }

    public long Outputs { get; }

    public NetworkParameter Weight { get; }

    public Tensor Apply(Tensor x, Tensor? gain = null) => MagnitudePreserving.Linear(x, Weight.Value, gain);

    /// <summary>Operations for one image at <paramref name="resolution"/>² outputs (1 for a linear layer).</summary>
    public void Count(Costs.OperationCounter counter, long resolution = 1)
    {
        counter.Normalize(Weight.ElementCount, Outputs);
        counter.Arithmetic(Weight.ElementCount);
        long multiplyAdds = Outputs * resolution * resolution * Inputs * Math.Max(kernel * kernel, 1);
        if (kernel == 0)
        {
            counter.MatrixProduct(multiplyAdds, Outputs);
        }
        else
        {
            counter.Convolution(multiplyAdds, Outputs * resolution * resolution);
        }
    }
}
