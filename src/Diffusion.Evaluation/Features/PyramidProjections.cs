using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Features;

/// <summary>
/// Each level of an image's Laplacian pyramid projected onto fixed random directions: the vectors that the sliced Wasserstein distance compares, one coordinate at a time.
/// Whole levels, not patches: a patch does not know where in the image it is, and the images this metric is for, without a feature network at hand, are small.
/// </summary>
/// <remarks>Pixels are −1…1. A level is what its image lost by halving (mean of 2 × 2, repeated back); the last is what is left at a side of 4 to 7, or an odd one. Directions have length 1.</remarks>
public sealed class PyramidProjections : IFeatureNetwork
{
    /// <summary>Directions of each level.</summary>
    public const int DirectionsPerLevel = 128;

    private const int SmallestSide = 4;
    private const ulong Seed = 0x5D1CED_0001;

    private readonly ImageShape shape;
    private readonly Tensor[] directions;
    private readonly Device device;

    /// <summary>Projections of images of one shape.</summary>
    /// <param name="shape">Their shape; one or three channels.</param>
    /// <param name="device">Where to compute; null for the CPU.</param>
    /// <exception cref="ArgumentException">Images of other channels are latents.</exception>
    public PyramidProjections(ImageShape shape, Device? device = null)
    {
        this.shape = shape;
        this.device = device ?? torch.CPU;
        Space = SpaceOf(shape);
        using var scope = torch.NewDisposeScope();
        ulong state = Seed;
        directions = [.. LevelsOf(shape).Select(level => Directions(level.Elements, ref state).to(this.device).DetachFromDisposeScope())];
    }

    /// <inheritdoc/>
    public FeatureSpace Space { get; }

    /// <summary>The space of images of one shape.</summary>
    /// <exception cref="ArgumentException">They are latents.</exception>
    public static FeatureSpace SpaceOf(ImageShape shape)
    {
        if (shape.Channels is not (1 or 3))
        {
            throw new ArgumentException($"Images of {shape.Channels} channels are latents; the sliced Wasserstein distance is between pixels.", nameof(shape));
        }

        string definition = string.Create(CultureInfo.InvariantCulture, $"pyramid-projections/1 {shape.Channels}x{shape.Height}x{shape.Width} {DirectionsPerLevel} {SmallestSide} {Seed}");
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(definition)));
        return new FeatureSpace("pyramid-projections", hash, "signed", LevelsOf(shape).Count * DirectionsPerLevel);
    }

    /// <inheritdoc/>
    public float[] Extract(ReadOnlySpan<byte> pixels, ImageShape shape)
    {
        if (shape != this.shape)
        {
            throw new ArgumentException($"Images of {shape} were given to projections of {this.shape}.", nameof(shape));
        }

        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var image = torch.tensor(pixels.ToArray()).to(device).to(ScalarType.Float32).div(127.5).sub(1).reshape(-1, shape.Channels, shape.Height, shape.Width);
        var projected = new List<Tensor>();
        for (int level = 0; level < directions.Length; level++)
        {
            var half = level + 1 < directions.Length ? torch.nn.functional.avg_pool2d(image, 2) : null;
            var band = half is null ? image : image.sub(half.repeat_interleave(2, 2).repeat_interleave(2, 3));
            projected.Add(band.flatten(1).mm(directions[level].t()));
            image = half ?? image;
        }

        return torch.cat(projected, 1).cpu().contiguous().data<float>().ToArray();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var direction in directions)
        {
            direction.Dispose();
        }
    }

    private static List<ImageShape> LevelsOf(ImageShape shape)
    {
        var levels = new List<ImageShape> { shape };
        while (levels[^1] is { } last && last.Height % 2 == 0 && last.Width % 2 == 0 && Math.Min(last.Height, last.Width) / 2 >= SmallestSide)
        {
            levels.Add(new ImageShape(last.Channels, last.Height / 2, last.Width / 2));
        }

        return levels;
    }

    // A generator of our own (SplitMix64, Box-Muller), so that directions do not depend on libtorch.
    private static Tensor Directions(int elements, ref ulong state)
    {
        var values = new float[DirectionsPerLevel * elements];
        for (int direction = 0; direction < DirectionsPerLevel; direction++)
        {
            var normal = new double[elements];
            for (int i = 0; i < elements; i++)
            {
                normal[i] = Math.Sqrt(-2 * Math.Log(Uniform(ref state))) * Math.Cos(2 * Math.PI * Uniform(ref state));
            }

            double length = Math.Sqrt(normal.Sum(v => v * v));
            for (int i = 0; i < elements; i++)
            {
                values[(direction * elements) + i] = (float)(normal[i] / length);
            }
        }

        return torch.tensor(values).reshape(DirectionsPerLevel, elements);
    }

    // In (0, 1].
    private static double Uniform(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return ((z >> 11) + 1) * (1.0 / (1UL << 53));
    }
}
