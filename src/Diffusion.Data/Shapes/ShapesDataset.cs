using System.IO.Compression;

namespace Diffusion.Data;

/// <summary>What <see cref="ShapesDataset"/> draws.</summary>
public sealed record ShapesOptions
{
    /// <summary>Number of images, spread evenly over the ten classes.</summary>
    /// <value>5,000.</value>
    public int Count { get; init; } = 5000;

    /// <summary>Side of an image in pixels: 16, 32 or 64.</summary>
    /// <value>16.</value>
    public int Resolution { get; init; } = 16;

    /// <summary>Seed. An image depends on it, its class and its number alone.</summary>
    /// <value>0.</value>
    public long Seed { get; init; }
}

/// <summary>A toy data set that trains in minutes on a CPU: ten coloured shapes on textured ground, as PNG files in class folders.</summary>
public static class ShapesDataset
{
    /// <summary>Names of the classes, in the order of their labels.</summary>
    public static IReadOnlyList<string> ClassNames { get; } = [.. Silhouette.All.Select(shape => shape.Name)];

    /// <summary>Draws the data set.</summary>
    /// <param name="directory">Directory to create; must not exist. It appears when all images are there.</param>
    /// <param name="options">What to draw.</param>
    /// <param name="progress">Told after each image; may be null. Called from several threads.</param>
    /// <param name="cancellationToken">Ends the drawing and removes what was drawn.</param>
    /// <exception cref="DatasetException">The directory exists.</exception>
    public static void Write(string directory, ShapesOptions options, IProgress<ImageProgress>? progress, CancellationToken cancellationToken)
    {
        if (options.Resolution is not (16 or 32 or 64))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Resolution, $"Shapes are drawn at 16, 32 or 64 pixels, not at {options.Resolution}.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(options.Count, ClassNames.Count);
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        if (Path.Exists(full))
        {
            throw new DatasetException($"{full} exists already; shapes are drawn into a new directory. Delete it or choose another.");
        }

        string temporary = $"{full}.{Guid.NewGuid():N}.tmp";
        var shape = new ImageShape(3, options.Resolution, options.Resolution);
        try
        {
            foreach (string name in ClassNames)
            {
                Directory.CreateDirectory(Path.Combine(temporary, name));
            }

            int done = 0;
            ParallelLoop.Run(options.Count, i =>
            {
                (int number, int label) = Math.DivRem(i, ClassNames.Count);
                byte[] file = PngWriter.Encode(Draw(label, number, options), shape, CompressionLevel.Fastest);
                File.WriteAllBytes(Path.Combine(temporary, ClassNames[label], $"{number:D5}.png"), file);
                progress?.Report(new ImageProgress(Interlocked.Increment(ref done), options.Count));
            }, cancellationToken);
            Directory.Move(temporary, full);
        }
        catch
        {
            if (Directory.Exists(temporary))
            {
                Directory.Delete(temporary, recursive: true);
            }

            throw;
        }
    }

    /// <summary>Draws one image.</summary>
    /// <param name="label">Class, 0…9.</param>
    /// <param name="number">Number within the class.</param>
    /// <param name="options">Resolution and seed.</param>
    /// <returns>[3, R, R] pixels.</returns>
    public static byte[] Draw(int label, int number, ShapesOptions options) =>
        new ShapePainter(LegacyRandom.ForTuple(options.Seed, label, number), options.Resolution).Paint(label);
}
