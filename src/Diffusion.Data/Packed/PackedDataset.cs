using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Diffusion.Data;

/// <summary>
/// A data set as training reads it: decoded images of one shape in memory-mapped files of fixed-size records.
/// Reading an image is one copy; opening costs nothing; every process of a box shares one page cache.
/// </summary>
/// <remarks>Made by <see cref="PackedDatasetBuilder"/>. Safe for concurrent reads; dispose after the last of them.</remarks>
public sealed class PackedDataset : IDisposable
{
    private readonly PackedManifest manifest;
    private readonly MappedFile[] files;

    private PackedDataset(string directory, PackedManifest manifest, MappedFile[] files, LabelTable labels)
    {
        Directory = directory;
        this.manifest = manifest;
        this.files = files;
        Labels = labels;
        Digest = manifest.Digest();
    }

    /// <summary>Where the files are.</summary>
    public string Directory { get; }

    /// <summary>Name of the data set it was made from.</summary>
    public string Name => manifest.Name;

    /// <summary>Number of images.</summary>
    public int Count => manifest.Count;

    /// <summary>Shape of every image.</summary>
    public ImageShape Shape => manifest.Shape;

    /// <summary>Pixels or latents.</summary>
    public ImageElement Element => manifest.Element;

    /// <summary>Labels of all images.</summary>
    public LabelTable Labels { get; }

    /// <summary>SHA-256 over the manifest without its name, hence over shape, labels and content: equal on two boxes exactly when they hold the same data in the same order.</summary>
    public string Digest { get; }

    /// <summary>True when the directory holds a packed data set.</summary>
    /// <param name="directory">Directory to look into.</param>
    public static bool IsAt(string directory) => File.Exists(Path.Combine(directory, PackedManifest.FileName));

    /// <summary>Opens a packed data set. The sizes of all files are checked.</summary>
    /// <param name="directory">Where its files are.</param>
    /// <exception cref="DatasetException">It is missing, of another format, or damaged.</exception>
    public static PackedDataset Open(string directory)
    {
        if (!IsAt(directory))
        {
            throw new DatasetException($"{directory} holds no packed data set: there is no {PackedManifest.FileName}. Give the path of the original data set instead.");
        }

        PackedManifest manifest = PackedManifest.Read(directory);
        for (int i = 0; i < manifest.Files.Count; i++)
        {
            long images = Math.Min(manifest.ImagesPerFile, manifest.Count - ((long)i * manifest.ImagesPerFile));
            CheckSize(directory, manifest.Files[i], images * manifest.RecordBytes);
        }

        LabelTable labels = ReadLabels(directory, manifest);
        var files = new List<MappedFile>();
        try
        {
            foreach (PackedFile file in manifest.Files)
            {
                files.Add(new MappedFile(Path.Combine(directory, file.Name), file.Bytes));
            }

            return new PackedDataset(directory, manifest, [.. files], labels);
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }
    }

    /// <summary>One image, channels first. The span is valid until this object is disposed.</summary>
    /// <param name="index">Image, 0…Count−1.</param>
    public ReadOnlySpan<byte> Image(int index)
    {
        if ((uint)index >= (uint)manifest.Count)
        {
            throw new ArgumentOutOfRangeException(nameof(index), index, $"{Name} has images 0 to {Count - 1}.");
        }

        (int file, int within) = Math.DivRem(index, manifest.ImagesPerFile);
        return files[file].Slice((long)within * manifest.RecordBytes, manifest.RecordBytes);
    }

    /// <summary>Reads every byte and compares it with the digests in the manifest.</summary>
    /// <param name="progress">Told after each file; may be null. Called from several threads.</param>
    /// <param name="cancellationToken">Ends the check between two files.</param>
    /// <exception cref="DatasetException">A file differs.</exception>
    public void Verify(IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        IReadOnlyList<PackedFile> all = manifest.AllFiles;
        int done = 0;
        ParallelLoop.Run(all.Count, i =>
        {
            PackedFile file = all[i];
            using FileStream stream = File.OpenRead(Path.Combine(Directory, file.Name));
            string found = Convert.ToHexStringLower(SHA256.HashData(stream));
            if (found != file.Sha256)
            {
                throw new DatasetException($"{stream.Name} has SHA-256 {found}, the manifest says {file.Sha256}: the file is damaged. {PackedManifest.Remedy(Directory)}");
            }

            progress?.Report(new ImageProgress((int)((long)manifest.Count * Interlocked.Increment(ref done) / all.Count), manifest.Count));
        }, cancellationToken);
    }

    /// <summary>Unmaps the files.</summary>
    public void Dispose()
    {
        foreach (MappedFile file in files)
        {
            file.Dispose();
        }
    }

    private static LabelTable ReadLabels(string directory, PackedManifest manifest)
    {
        if (manifest.Labels is null)
        {
            return LabelTable.None;
        }

        bool classes = manifest.LabelKind == LabelKind.Class;
        CheckSize(directory, manifest.Labels, (long)manifest.Count * (classes ? sizeof(long) : sizeof(float) * manifest.LabelDim));
        byte[] bytes = File.ReadAllBytes(Path.Combine(directory, manifest.Labels.Name));
        LabelTable labels = classes
            ? LabelTable.OfClasses(MemoryMarshal.Cast<byte, long>(bytes).ToArray(), manifest.ClassNames)
            : LabelTable.OfVectors(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), manifest.LabelDim);
        return labels.Dimension == manifest.LabelDim
            ? labels
            : throw new DatasetException($"Labels in {directory} have length {labels.Dimension}, the manifest says {manifest.LabelDim}. {PackedManifest.Remedy(directory)}");
    }

    private static void CheckSize(string directory, PackedFile file, long expected)
    {
        var info = new FileInfo(Path.Combine(directory, file.Name));
        if (!info.Exists || info.Length != file.Bytes || file.Bytes != expected)
        {
            string found = info.Exists ? $"has {info.Length} bytes" : "is missing";
            throw new DatasetException($"{info.FullName} {found}; the manifest says {file.Bytes} and the images need {expected}. {PackedManifest.Remedy(directory)}");
        }
    }
}
