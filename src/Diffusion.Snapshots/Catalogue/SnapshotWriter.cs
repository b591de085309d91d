using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Catalogue;

/// <summary>A tensor of a network, as snapshots name it.</summary>
/// <param name="Name">Name in the state dictionary.</param>
/// <param name="Shape">Dimensions; empty for a scalar.</param>
/// <param name="IsBuffer">Whether it is copied, never averaged (Fourier frequencies and phases).</param>
public sealed record SnapshotTensor(string Name, IReadOnlyList<long> Shape, bool IsBuffer = false);

/// <summary>The values of tensor <paramref name="index"/>; asked for once each, in order, so that they can be fetched from a device one by one.</summary>
public delegate ReadOnlySpan<float> TensorValues(int index);

/// <summary>Writes one snapshot of one averaged network, and then catalogues it.</summary>
/// <param name="directory">Where snapshots go; it exists.</param>
/// <param name="catalogue">Catalogue of that directory, or null.</param>
/// <param name="elementType">Float16 or Float32.</param>
/// <param name="prefix">What names start with.</param>
public sealed class SnapshotWriter(string directory, SnapshotCatalogue? catalogue = null, ElementType elementType = ElementType.Float16, string prefix = SnapshotName.Training)
{
    private readonly ElementType elementType = elementType is ElementType.Float16 or ElementType.Float32
        ? elementType
        : throw new ArgumentException($"Snapshots are stored as F16 or F32, not {elementType.HeaderName()}.", nameof(elementType));

    /// <summary>Writes a snapshot. It is on the disk, and catalogued, when this returns.</summary>
    /// <param name="info">What it is. Its <see cref="SnapshotInfo.Buffers"/> are taken from <paramref name="tensors"/>.</param>
    /// <param name="tensors">The network's tensors in state-dictionary order.</param>
    /// <param name="values">Their values.</param>
    /// <exception cref="ArgumentException">A value is not finite in the type stored, or a shape does not match its values.</exception>
    /// <exception cref="SaveFailedException">The file system refused; nothing is visible.</exception>
    public SnapshotEntry Write(SnapshotInfo info, IReadOnlyList<SnapshotTensor> tensors, TensorValues values)
    {
        info = info with { Buffers = [.. tensors.Where(tensor => tensor.IsBuffer).Select(tensor => tensor.Name)] };
        string path = Path.Combine(directory, SnapshotName.For(prefix, info.ImagesSeen, info.RelativeStd).FileName);
        var specs = tensors.Select(tensor => new TensorSpec(tensor.Name, elementType, tensor.Shape)).ToList();
        ContentDigest digest;
        using (var writer = SafetensorsWriter.Create(path, specs, info.ToMetadata()))
        {
            for (int i = 0; i < specs.Count; i++)
            {
                var tensor = values(i);
                Check(specs[i], tensor);
                writer.WriteFloat32(tensor);
            }

            digest = writer.Complete();
        }

        var entry = new SnapshotEntry(info.RunId ?? "", info.ImagesSeen, info.RelativeStd, Path.GetFileName(path), elementType, new FileInfo(path).Length, digest.ContentId);
        catalogue?.Add(entry);
        return entry;
    }

    private void Check(TensorSpec spec, ReadOnlySpan<float> values)
    {
        if (values.Length != spec.Count)
        {
            throw new ArgumentException($"Tensor '{spec.Name}' of shape [{string.Join(", ", spec.Shape)}] got {values.Length} values, not {spec.Count}.", nameof(values));
        }

        FloatConversion.RequireFinite(elementType, values, spec.Name);
    }
}
