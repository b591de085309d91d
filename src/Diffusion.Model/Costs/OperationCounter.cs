namespace Diffusion.Model.Costs;

/// <summary>
/// Sums operations of one image the way the EDM2 paper's Gflops column does: a multiply-add counts 1; silu and softmax 3 per element, lerp and clamp 2,
/// other arithmetic 1 per output element, norms 1 per input element; moving data counts 0.
/// </summary>
public sealed class OperationCounter
{
    /// <summary>Multiply-adds of convolutions.</summary>
    public long Convolutions { get; private set; }

    /// <summary>Multiply-adds of matrix products: linear layers and attention.</summary>
    public long MatrixProducts { get; private set; }

    /// <summary>Everything else.</summary>
    public long Elementwise { get; private set; }

    /// <summary>Elements of all results of the image path that a backward pass needs again.</summary>
    public long KeptElements { get; private set; }

    /// <summary>All operations.</summary>
    public long Total => Convolutions + MatrixProducts + Elementwise;

    internal void Convolution(long multiplyAdds, long outputs)
    {
        Convolutions += multiplyAdds;
        KeptElements += outputs;
    }

    internal void MatrixProduct(long multiplyAdds, long outputs)
    {
        MatrixProducts += multiplyAdds;
        KeptElements += outputs;
    }

    internal void Arithmetic(long outputs) => Elementwise += outputs;

    /// <summary>Norm, ε and scale on the norms, division.</summary>
    internal void Normalize(long elements, long norms) => Elementwise += (2 * elements) + (2 * norms);

    /// <summary>silu and its scale.</summary>
    internal void Silu(long elements)
    {
        Elementwise += 4 * elements;
        KeptElements += elements;
    }

    /// <summary>lerp and its scale.</summary>
    internal void WeightedSum(long elements)
    {
        Elementwise += 3 * elements;
        KeptElements += elements;
    }

    internal void Softmax(long elements)
    {
        Elementwise += 3 * elements;
        KeptElements += elements;
    }

    internal void Clamp(long elements) => Elementwise += 2 * elements;
}
