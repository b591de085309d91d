using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Data;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Evaluation.Losses;

/// <summary>The images a loss is measured on, with all that decides the number: their bytes, labels, and numbers in the data set, which choose the noise. As a file, they travel to evaluators that have no data set.</summary>
public sealed class HeldOutImages
{
    private const string KindKey = "kind";
    private const string Kind = "diffusion-held-out-1";
    private const string HashKey = "hash";
    private const string ElementKey = "element";
    private const string ShapeKey = "image_shape";
    private const string Remedy = "Write it again.";

    private readonly Func<int, byte[]> image;
    private readonly Func<int, float[]> label;
    private readonly Func<int, long> number;

    private HeldOutImages(Data.ImageShape shape, ImageElement element, int count, int labelDim, string hash, Func<int, byte[]> image, Func<int, float[]> label, Func<int, long> number)
    {
        (Shape, Element, Count, LabelDim, Hash) = (shape, element, count, labelDim, hash);
        (this.image, this.label, this.number) = (image, label, number);
    }

    /// <summary>Shape of every image.</summary>
    public Data.ImageShape Shape { get; }

    /// <summary>Pixels or latents.</summary>
    public ImageElement Element { get; }

    /// <summary>Number of images.</summary>
    public int Count { get; }

    /// <summary>Length of a label; 0 for none.</summary>
    public int LabelDim { get; }

    /// <summary>SHA-256 (hex) of which images these are: what scores call their reference.</summary>
    public string Hash { get; }

    /// <summary>The images of a set.</summary>
    public static HeldOutImages Of(ImageSet images)
    {
        int bytes = images.Shape.Elements * (images.Element == ImageElement.Pixel ? 1 : sizeof(float));
        return new HeldOutImages(images.Shape, images.Element, images.Count, images.LabelDim, HashOf(images), Image, Label, i => images.RawIndexOf(i));

        byte[] Image(int index)
        {
            byte[] one = new byte[bytes];
            images.CopyImage(index, one);
            return one;
        }

        float[] Label(int index)
        {
            float[] one = new float[images.LabelDim];
            images.CopyLabel(index, one);
            return one;
        }
    }

    /// <summary>Loads and verifies what <see cref="Save"/> wrote.</summary>
    /// <exception cref="DamagedFileException">The file is damaged or of another kind.</exception>
    public static HeldOutImages Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        file.Verify();
        if (file.Metadata.GetValueOrDefault(KindKey) != Kind || !Enum.TryParse(file.Metadata.GetValueOrDefault(ElementKey), out ImageElement element))
        {
            throw new DamagedFileException(path, "it does not hold held-out images", Remedy);
        }

        var shape = References.ImageFeatures.ShapeOf(path, file.Metadata.GetValueOrDefault(ShapeKey) ?? "");
        byte[] images = file.Bytes("images").ToArray();
        long[] numbers = MemoryMarshal.Cast<byte, long>(file.Bytes("numbers")).ToArray();
        float[] labels = file.TryGetEntry("labels", out _) ? file.Float32("labels") : [];
        int count = numbers.Length;
        int bytes = shape.Elements * (element == ImageElement.Pixel ? 1 : sizeof(float));
        int labelDim = count == 0 ? 0 : labels.Length / count;
        return images.LongLength == (long)count * bytes && labels.Length == count * labelDim
            ? new HeldOutImages(shape, element, count, labelDim, file.Metadata.GetValueOrDefault(HashKey) ?? "", i => images.AsSpan(i * bytes, bytes).ToArray(), i => labels.AsSpan(i * labelDim, labelDim).ToArray(), i => numbers[i])
            : throw new DamagedFileException(path, $"it has {images.LongLength} bytes of images and {labels.Length} labels for {count} images of {shape}", Remedy);
    }

    /// <summary>Saves the images as safetensors with a digest; the file appears whole or not at all.</summary>
    public void Save(string path)
    {
        int bytes = Count == 0 ? 0 : image(0).Length;
        var specs = new List<TensorSpec> { new("images", ElementType.UInt8, [Count, bytes]), new("numbers", ElementType.Int64, [Count]) };
        if (LabelDim > 0)
        {
            specs.Add(new TensorSpec("labels", ElementType.Float32, [Count, LabelDim]));
        }

        using var writer = SafetensorsWriter.Create(path, specs, new Dictionary<string, string> { [KindKey] = Kind, [HashKey] = Hash, [ElementKey] = Element.ToString(), [ShapeKey] = Shape.ToString() });
        writer.Write([.. Enumerable.Range(0, Count).SelectMany(i => image(i))]);
        writer.Write(MemoryMarshal.AsBytes<long>(Enumerable.Range(0, Count).Select(i => number(i)).ToArray()));
        if (LabelDim > 0)
        {
            writer.WriteFloat32([.. Enumerable.Range(0, Count).SelectMany(i => label(i))]);
        }

        writer.Complete();
    }

    internal void CopyImage(int index, Span<byte> destination) => image(index).CopyTo(destination);

    internal void CopyLabel(int index, Span<float> destination) => label(index).CopyTo(destination);

    internal long NumberOf(int index) => number(index);

    private static string HashOf(ImageSet images)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(images.Dataset.Digest));
        for (int i = 0; i < images.Count; i++)
        {
            hash.AppendData(Encoding.ASCII.GetBytes(images.RawIndexOf(i).ToString(CultureInfo.InvariantCulture) + (images.IsMirrored(i) ? "m," : ",")));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
