namespace Diffusion.Snapshots.Safetensors;

/// <summary>Where one tensor lies in a file.</summary>
/// <param name="Name">Name in the state dictionary, e.g. <c>unet.enc.64x64_conv.weight</c>.</param>
/// <param name="ElementType">Type of the elements.</param>
/// <param name="Shape">Dimensions; empty for a scalar.</param>
/// <param name="Offset">Bytes from the start of the file.</param>
/// <param name="Length">Bytes of the whole tensor.</param>
public sealed record TensorEntry(string Name, ElementType ElementType, IReadOnlyList<long> Shape, long Offset, long Length)
{
    /// <summary>Number of elements.</summary>
    public long Count => Length / ElementType.ByteSize();
}

/// <summary>A tensor to be written.</summary>
/// <param name="Name">Name in the state dictionary.</param>
/// <param name="ElementType">Type to store.</param>
/// <param name="Shape">Dimensions; empty for a scalar.</param>
public sealed record TensorSpec(string Name, ElementType ElementType, IReadOnlyList<long> Shape)
{
    /// <summary>Number of elements.</summary>
    /// <exception cref="OverflowException">The shape holds more than 2⁶³ elements.</exception>
    public long Count => Shape.Aggregate(1L, (count, size) => checked(count * size));

    /// <summary>Bytes of the whole tensor.</summary>
    public long Length => checked(Count * ElementType.ByteSize());
}
