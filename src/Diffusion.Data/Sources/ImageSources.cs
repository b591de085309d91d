namespace Diffusion.Data;

/// <summary>Opens data sets of any kind by their path.</summary>
public static class ImageSources
{
    /// <summary>What <see cref="Open"/> understands, for messages and help texts.</summary>
    public const string Kinds = "a folder or .zip of images (.png, .jpg, .jpeg, .npy), cifar-10-python.tar.gz, cifar-10-binary.tar.gz, or MNIST's train-images-idx3-ubyte[.gz]";

    /// <summary>Opens a data set.</summary>
    /// <param name="path">See <see cref="Kinds"/>; a folder may be a packed one.</param>
    /// <exception cref="DatasetException">It is missing, empty, damaged, or nothing of the kind.</exception>
    public static IImageSource Open(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (PackedDataset.IsAt(full))
        {
            return new PackedImageSource(PackedDataset.Open(full));
        }

        if (Directory.Exists(full))
        {
            return new FileImageSource(new FolderStore(full), Path.GetFileNameWithoutExtension(full));
        }

        if (!File.Exists(full))
        {
            throw new DatasetException($"{path} does not exist. Give {Kinds}.");
        }

        string file = Path.GetFileName(full).ToLowerInvariant();
        if (file.EndsWith(".zip", StringComparison.Ordinal))
        {
            return new FileImageSource(new ZipStore(full), Path.GetFileNameWithoutExtension(full));
        }

        return file switch
        {
            _ when file.EndsWith(".tar.gz", StringComparison.Ordinal) && file.Contains("python", StringComparison.Ordinal) => Cifar10.OpenPickled(full),
            _ when file.EndsWith(".tar.gz", StringComparison.Ordinal) && file.Contains("binary", StringComparison.Ordinal) => Cifar10.OpenBinary(full),
            _ when file.Contains("idx3-ubyte", StringComparison.Ordinal) => Mnist.Open(full),
            _ => throw new DatasetException($"{path} is no data set. Give {Kinds}."),
        };
    }
}
