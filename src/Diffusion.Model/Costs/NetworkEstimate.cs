using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;

namespace Diffusion.Model.Costs;

/// <summary>Sizes and costs of a network, from its description alone.</summary>
public sealed record NetworkEstimate
{
    /// <summary>Trained values.</summary>
    public required long Parameters { get; init; }

    /// <summary>Values of fixed tensors.</summary>
    public required long BufferValues { get; init; }

    /// <summary>Operations of one evaluation for one image; a training step takes about three times as many.</summary>
    public required OperationCounter Operations { get; init; }

    /// <summary>The estimate for a model.</summary>
    /// <exception cref="ConfigurationException">Its options have problems.</exception>
    public static NetworkEstimate Of(ModelOptions model)
    {
        using var network = ModelParts.CreateNetwork(model);
        return new NetworkEstimate
        {
            Parameters = network.ParameterCount(),
            BufferValues = network.Buffers.Sum(buffer => buffer.ElementCount),
            Operations = network.CountOperations(),
        };
    }

    /// <summary>Tensor bytes of one snapshot.</summary>
    /// <param name="bytesPerValue">2 for float16, the default of snapshots; 4 for float32.</param>
    public long SnapshotBytes(int bytesPerValue = 2) => (Parameters + BufferValues) * bytesPerValue;

    /// <summary>Bytes of weights, gradient, Adam's two moments and the averages, all float32.</summary>
    /// <param name="averages">Number of weight averages.</param>
    public long TrainingStateBytes(int averages = 2) => Parameters * sizeof(float) * (4 + averages);

    /// <summary>Bytes of what one image leaves behind for the backward pass; a lower bound, without the temporaries of single operations.</summary>
    /// <param name="precision">Number format of the image path.</param>
    public long ActivationBytesPerImage(ComputePrecision precision) => Operations.KeptElements * (precision == ComputePrecision.Float32 ? 4 : 2);
}
