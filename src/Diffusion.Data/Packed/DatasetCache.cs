using System.Security.Cryptography;
using System.Text;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Data;

/// <summary>
/// Opens any data set as a <see cref="PackedDataset"/>: packed at the first use, found again afterwards as long as
/// path, size and modification time of the original are the same.
/// </summary>
public sealed class DatasetCache
{
    private readonly string directory;

    /// <summary>Keeps packed data sets in a directory.</summary>
    /// <param name="directory">Created at the first use. It may be deleted at any time while no run uses it.</param>
    public DatasetCache(string directory) => this.directory = Path.GetFullPath(directory);

    /// <summary>Where packed data sets are kept when nobody says otherwise: in the user's cache.</summary>
    public static string DefaultDirectory => UserCache.DirectoryOf("datasets");

    /// <summary>Opens a data set, packing it first if needed. Other processes of this box that want the same wait for it.</summary>
    /// <param name="path">A packed directory, or whatever <see cref="ImageSources.Open"/> understands.</param>
    /// <param name="progress">Told how far packing is.</param>
    /// <param name="cancellationToken">Ends packing or the wait for it.</param>
    /// <returns>A data set that the caller disposes.</returns>
    /// <exception cref="DatasetException">It cannot be used; the message says why.</exception>
    public PackedDataset Open(string path, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        if (PackedDataset.IsAt(path))
        {
            return PackedDataset.Open(path);
        }

        string packed = PackedPathOf(path);
        if (PackedDataset.IsAt(packed))
        {
            return PackedDataset.Open(packed);
        }

        Directory.CreateDirectory(directory);
        using FileStream lease = CacheLock.Take(packed + ".lock", cancellationToken);
        if (!PackedDataset.IsAt(packed))
        {
            using IImageSource source = ImageSources.Open(path);
            PackedDatasetBuilder.Build(source, packed, progress, cancellationToken);
        }

        return PackedDataset.Open(packed);
    }

    /// <summary>Where the packed form of a data set is or would be.</summary>
    /// <param name="path">The original.</param>
    public string PackedPathOf(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        using var identity = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(identity, $"{PackedManifest.CurrentFormat}\n{full}\n");
        if (Directory.Exists(full))
        {
            foreach (FileInfo file in new DirectoryInfo(full).EnumerateFiles("*", SearchOption.AllDirectories).OrderBy(file => file.FullName, StringComparer.Ordinal))
            {
                Append(identity, $"{file.FullName}\n{file.Length}\n{file.LastWriteTimeUtc.Ticks}\n");
            }
        }
        else if (File.Exists(full))
        {
            // Labels may lie in a second file beside it (MNIST).
            foreach (FileInfo file in new[] { new FileInfo(full), new FileInfo(full.Replace("images-idx3", "labels-idx1", StringComparison.Ordinal)) }.Where(file => file.Exists))
            {
                Append(identity, $"{file.FullName}\n{file.Length}\n{file.LastWriteTimeUtc.Ticks}\n");
            }
        }
        else
        {
            throw new DatasetException($"{path} does not exist. Give {ImageSources.Kinds}.");
        }

        string digest = Convert.ToHexStringLower(identity.GetHashAndReset());
        return Path.Combine(directory, $"{Path.GetFileNameWithoutExtension(full)}-{digest[..16]}");
    }

    private static void Append(IncrementalHash identity, string text) => identity.AppendData(Encoding.UTF8.GetBytes(text));
}
