using System.Globalization;
using System.Text.Json;

namespace Diffusion.Data;

/// <summary>A data set in the making: files numbered as their sources, all of one shape, and last the labels of those that were written.</summary>
internal sealed class DatasetWriter : IDisposable
{
    private readonly IImageSource source;
    private readonly IImageSink sink;
    private readonly List<(string Name, int Index)> written = [];

    /// <param name="destination">Empty folder, or ZIP, to write.</param>
    /// <param name="source">Where the images come from, and with them names and labels.</param>
    public DatasetWriter(string destination, IImageSource source)
    {
        this.source = source;
        string path = Path.GetFullPath(destination);
        sink = path.EndsWith(".zip", StringComparison.OrdinalIgnoreCase) ? new ZipSink(path) : new FolderSink(path);
    }

    /// <summary>Shape of the images written; null before the first.</summary>
    public ImageShape? Shape { get; private set; }

    /// <summary>Images written.</summary>
    public int Written => written.Count;

    /// <summary>Name of an image within the data set: <c>00000/img00000042.png</c>, of a latent <c>00000/img-mean-std-00000042.npy</c>.</summary>
    /// <param name="index">Number of the source image.</param>
    /// <param name="element">Pixels or latents.</param>
    internal static string NameOf(int index, ImageElement element = ImageElement.Pixel)
    {
        string number = index.ToString("D8", CultureInfo.InvariantCulture);
        return element == ImageElement.Pixel ? $"{number[..5]}/img{number}.png" : $"{number[..5]}/img-mean-std-{number}.npy";
    }

    /// <exception cref="DatasetException">The image is of another shape than the first; ends in <paramref name="remedy"/>.</exception>
    public void Write(int index, ImageShape shape, ImageElement element, ReadOnlySpan<byte> file, string remedy)
    {
        Shape ??= shape;
        if (shape != Shape)
        {
            throw new DatasetException($"{source.NameOf(index)} becomes {shape}, the first image {Shape} (channels x height x width); all must be alike. {remedy}");
        }

        string name = NameOf(index, element);
        sink.Write(name, file);
        written.Add((name, index));
    }

    public void Complete()
    {
        sink.Write(LabelFile.Name, LabelsOf());
        sink.Complete();
    }

    public void Dispose() => sink.Dispose();

    private byte[] LabelsOf()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (source.Labels.Kind == LabelKind.None)
            {
                json.WriteNull("labels");
            }
            else
            {
                json.WriteStartArray("labels");
                written.ForEach(image => WriteLabel(json, source.Labels, image.Name, image.Index));
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteLabel(Utf8JsonWriter json, LabelTable labels, string name, int index)
    {
        json.WriteStartArray();
        json.WriteStringValue(name);
        if (labels.Kind == LabelKind.Class)
        {
            json.WriteNumberValue(labels.Classes[index]);
        }
        else
        {
            json.WriteStartArray();
            foreach (float value in labels.Vectors.Slice(index * labels.Dimension, labels.Dimension))
            {
                json.WriteNumberValue(value);
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
    }
}
