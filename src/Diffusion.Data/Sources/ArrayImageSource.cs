namespace Diffusion.Data;

/// <summary>A small data set that lies in memory.</summary>
internal sealed class ArrayImageSource(string name, string fileName, byte[] pixels, ImageShape shape, LabelTable labels) : IImageSource
{
    public string Name { get; } = name;

    public int Count { get; } = pixels.Length / shape.Elements;

    public LabelTable Labels { get; } = labels;

    public string NameOf(int index) => $"image {index} of {fileName}";

    public DecodedImage Read(int index) => new(shape, ImageElement.Pixel, pixels.AsSpan(index * shape.Elements, shape.Elements).ToArray());

    public void Dispose()
    {
        // Memory only.
    }
}
