namespace Diffusion.Data;

/// <summary>Which part of a data set a run sees, and how.</summary>
public sealed record ImageSetOptions
{
    /// <summary>Deliver labels, if the data has any.</summary>
    /// <value>True.</value>
    public bool UseLabels { get; init; } = true;

    /// <summary>Double the images by their left-right mirrors, after <see cref="MaxSize"/>. Not meant for latents.</summary>
    /// <value>False.</value>
    public bool MirrorX { get; init; }

    /// <summary>Keep a random subset of this many images.</summary>
    /// <value>Null: all.</value>
    public int? MaxSize { get; init; }

    /// <summary>Seed of the choices of <see cref="MaxSize"/> and <see cref="HeldOut"/>.</summary>
    /// <value>0.</value>
    public long RandomSeed { get; init; }

    /// <summary>Images kept apart from training for evaluation, balanced over classes.</summary>
    /// <value>0.</value>
    public int HeldOut { get; init; }
}

/// <summary>The images a run sees: a selection of a packed data set, numbered from 0, perhaps with their mirrors.</summary>
/// <remarks>Does not own the data set. Safe for concurrent reads.</remarks>
public sealed class ImageSet
{
    private readonly int[] selected;
    private readonly bool useLabels;

    private ImageSet(PackedDataset dataset, int[] selected, bool mirrorX, bool useLabels)
    {
        Dataset = dataset;
        this.selected = selected;
        this.useLabels = useLabels;
        Count = mirrorX ? checked(2 * selected.Length) : selected.Length;
    }

    /// <summary>The data set behind it.</summary>
    public PackedDataset Dataset { get; }

    /// <summary>Number of images, mirrors included.</summary>
    public int Count { get; }

    /// <summary>Shape of every image.</summary>
    public ImageShape Shape => Dataset.Shape;

    /// <summary>Pixels or latents.</summary>
    public ImageElement Element => Dataset.Element;

    /// <summary>Length of a label, 0 for none. That of the whole data set, whatever was selected.</summary>
    public int LabelDim => useLabels ? Dataset.Labels.Dimension : 0;

    /// <summary>The images to train on.</summary>
    /// <param name="dataset">Data set.</param>
    /// <param name="options">Selection.</param>
    public static ImageSet ForTraining(PackedDataset dataset, ImageSetOptions options)
    {
        if (options.MirrorX && dataset.Element != ImageElement.Pixel)
        {
            throw new DatasetException($"{dataset.Name} holds latents, which cannot be mirrored: a mirrored latent is not the latent of the mirrored image. Mirror the pixels before encoding.");
        }

        int[] heldOut = HeldOutOf(dataset, options);
        int[] rest = [.. Enumerable.Range(0, dataset.Count).Except(heldOut)];
        int[] selected = Array.ConvertAll(ImageSelection.Subset(rest.Length, options.MaxSize ?? rest.Length, options.RandomSeed), i => rest[i]);
        return new ImageSet(dataset, selected, options.MirrorX, options.UseLabels);
    }

    /// <summary>The images kept apart for evaluation; disjoint from <see cref="ForTraining"/> under the same options, never mirrored.</summary>
    /// <param name="dataset">Data set.</param>
    /// <param name="options">Selection; <see cref="ImageSetOptions.HeldOut"/> must be at least 1.</param>
    public static ImageSet ForEvaluation(PackedDataset dataset, ImageSetOptions options) => options.HeldOut >= 1
        ? new ImageSet(dataset, HeldOutOf(dataset, options), mirrorX: false, options.UseLabels)
        : throw new DatasetException($"No image of {dataset.Name} is held out, so there is none to evaluate on. Set the number of held-out images to 1 to {dataset.Count - 1}.");

    /// <summary>All images in their own order, as reference statistics need them.</summary>
    /// <param name="dataset">Data set.</param>
    public static ImageSet Whole(PackedDataset dataset) => new(dataset, [.. Enumerable.Range(0, dataset.Count)], mirrorX: false, useLabels: true);

    /// <summary>The image's number in the data set.</summary>
    /// <param name="index">Image, 0…Count−1.</param>
    public int RawIndexOf(int index) => selected[index % selected.Length];

    /// <summary>True when the image is delivered mirrored.</summary>
    /// <param name="index">Image, 0…Count−1.</param>
    public bool IsMirrored(int index) => index >= selected.Length;

    /// <summary>Copies an image, channels first.</summary>
    /// <param name="index">Image, 0…Count−1.</param>
    /// <param name="destination">Receives C·H·W values.</param>
    public void CopyImage(int index, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        ReadOnlySpan<byte> image = Dataset.Image(RawIndexOf(index));
        image.CopyTo(destination);
        if (IsMirrored(index))
        {
            for (int row = 0; row < image.Length; row += Shape.Width)
            {
                destination.Slice(row, Shape.Width).Reverse();
            }
        }
    }

    /// <summary>Copies an image's label.</summary>
    /// <param name="index">Image, 0…Count−1.</param>
    /// <param name="destination">Receives <see cref="LabelDim"/> numbers.</param>
    public void CopyLabel(int index, Span<float> destination)
    {
        if (useLabels)
        {
            Dataset.Labels.CopyTo(RawIndexOf(index), destination);
        }
    }

    private static int[] HeldOutOf(PackedDataset dataset, ImageSetOptions options) =>
        ImageSelection.HeldOut(dataset.Count, options.HeldOut, options.RandomSeed, dataset.Labels.Classes);
}
