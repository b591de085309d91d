namespace Diffusion.Data;

/// <summary>A packed data set where files are read one by one, as the dataset tool does.</summary>
internal sealed class PackedImageSource(PackedDataset packed) : IImageSource
{
    public string Name => packed.Name;

    public int Count => packed.Count;

    public LabelTable Labels => packed.Labels;

    public string NameOf(int index) => $"image {index} of {packed.Directory}";

    public DecodedImage Read(int index) => new(packed.Shape, packed.Element, packed.Image(index).ToArray());

    public void Dispose() => packed.Dispose();
}
