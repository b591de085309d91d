using System.IO.Compression;

namespace Diffusion.Data.Tests.Sources;

public sealed class CifarJpegTests
{
    [SharedDataFact("cifar10-train-jpeg.zip")]
    public void Open_SubsetOfCifar_HasTenClassesOf32Pixels()
    {
        using var directory = new TemporaryDirectory();
        using (ZipArchive all = ZipFile.OpenRead(SharedDataFactAttribute.PathOf("cifar10-train-jpeg.zip")))
        using (ZipArchive subset = ZipFile.Open(directory["subset.zip"], ZipArchiveMode.Create))
        {
            foreach (ZipArchiveEntry entry in all.Entries.Where((_, i) => i % 50 == 0))
            {
                using Stream from = entry.Open();
                using Stream to = subset.CreateEntry(entry.FullName, CompressionLevel.NoCompression).Open();
                from.CopyTo(to);
            }
        }

        using PackedDataset dataset = new DatasetCache(directory["cache"]).Open(directory["subset.zip"], null, CancellationToken.None);
        Assert.Equal((1000, new ImageShape(3, 32, 32), 10), (dataset.Count, dataset.Shape, dataset.Labels.Dimension));
        Assert.Equal("airplane", dataset.Labels.ClassNames[0]);
        Assert.All(dataset.Labels.Classes.ToArray().GroupBy(label => label), group => Assert.Equal(100, group.Count()));

        // Natural pictures, not noise and not constant: CIFAR's mean is about 0.47 and its deviation 0.25.
        double mean = Enumerable.Range(0, 1000).SelectMany(i => dataset.Image(i).ToArray()).Average(pixel => pixel / 255.0);
        Assert.InRange(mean, 0.43, 0.52);
    }
}

/// <summary>A test that needs a file that lies beside the repository, in shared/data.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedDataFactAttribute : FactAttribute
{
    public SharedDataFactAttribute(string name) => Skip = File.Exists(PathOf(name)) ? null : $"{name} is not in shared/data beside the repository.";

    public static string PathOf(string name) => Path.GetFullPath(Path.Combine(Golden.Root, "..", "shared", "data", name));
}
