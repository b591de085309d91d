using System.Runtime.InteropServices;

namespace Diffusion.Data;

/// <summary>How far a conversion is.</summary>
/// <param name="Done">Images done.</param>
/// <param name="Total">Images in all.</param>
public readonly record struct ImageProgress(int Done, int Total);

/// <summary>Decodes a data set once, on all cores, into a <see cref="PackedDataset"/>.</summary>
public static class PackedDatasetBuilder
{
    private const int TargetFileBytes = 64 << 20;
    private const int ProgressInterval = 256;

    /// <summary>Converts.</summary>
    /// <param name="source">Images; all must have the shape of the first.</param>
    /// <param name="directory">Where to write; created. A half-written conversion found there is overwritten.</param>
    /// <param name="progress">Told now and then, from any thread.</param>
    /// <param name="cancellationToken">Ends the conversion; what was written is no data set without its manifest.</param>
    /// <exception cref="DatasetException">An image is damaged or of another shape.</exception>
    public static void Build(IImageSource source, string directory, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        File.Delete(Path.Combine(directory, PackedManifest.FileName));

        DecodedImage first = source.Read(0);
        if (!first.Shape.IsSquare)
        {
            throw new DatasetException($"{source.NameOf(0)} is {first.Shape.Width}x{first.Shape.Height}; images must be square. Convert the data set with --transform center-crop --resolution NxN.");
        }

        int recordBytes = first.Bytes.Length;
        int imagesPerFile = (int)Math.Min(source.Count, Math.Max(1, TargetFileBytes / recordBytes));
        byte[] buffer = GC.AllocateUninitializedArray<byte>(checked(imagesPerFile * recordBytes));
        var files = new List<PackedFile>();
        int done = 0;
        for (int start = 0; start < source.Count; start += imagesPerFile)
        {
            int count = Math.Min(imagesPerFile, source.Count - start);
            ParallelLoop.Run(count, i =>
            {
                DecodedImage image = source.Read(start + i);
                Require(first, image, source, start + i);
                image.Bytes.CopyTo(buffer.AsSpan(i * recordBytes, recordBytes));
                int now = Interlocked.Increment(ref done);
                if (now % ProgressInterval == 0 || now == source.Count)
                {
                    progress?.Report(new ImageProgress(now, source.Count));
                }
            }, cancellationToken);
            files.Add(DurableFile.Write(directory, $"images-{files.Count:D5}.bin", buffer.AsSpan(0, count * recordBytes)));
        }

        var manifest = new PackedManifest
        {
            Format = PackedManifest.CurrentFormat,
            Name = source.Name,
            Count = source.Count,
            Channels = first.Shape.Channels,
            Height = first.Shape.Height,
            Width = first.Shape.Width,
            Element = first.Element,
            LabelKind = source.Labels.Kind,
            LabelDim = source.Labels.Dimension,
            ClassNames = source.Labels.ClassNames,
            ImagesPerFile = imagesPerFile,
            Files = files,
            Labels = WriteLabels(source.Labels, directory),
        };
        DurableFile.Write(directory, PackedManifest.FileName, manifest.ToJson());
    }

    private static PackedFile? WriteLabels(LabelTable labels, string directory) => labels.Kind switch
    {
        LabelKind.Class => DurableFile.Write(directory, "labels.bin", MemoryMarshal.AsBytes(labels.Classes)),
        LabelKind.Vector => DurableFile.Write(directory, "labels.bin", MemoryMarshal.AsBytes(labels.Vectors)),
        _ => null,
    };

    private static void Require(DecodedImage first, DecodedImage image, IImageSource source, int index)
    {
        if (image.Shape != first.Shape || image.Element != first.Element)
        {
            throw new DatasetException(
                $"{source.NameOf(index)} is {image.Shape} {image.Element}, but {source.NameOf(0)} is {first.Shape} {first.Element} (channels x height x width); all images must be alike. Convert the data set with --resolution, and --transform if they are not square.");
        }
    }
}
