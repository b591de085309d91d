using System.Globalization;
using System.Text.Json;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.References;

/// <summary>The vectors of some images in one feature space.</summary>
/// <param name="Space">The space.</param>
/// <param name="Values">[n, D].</param>
public sealed record FeatureVectors(FeatureSpace Space, float[] Values);

/// <summary>
/// What a range of seeds contributes to a measurement: the vectors of its images, in one or several feature spaces. Ranges may be computed by anybody, saved, and merged
/// in the order of their seeds; sums are formed only then, so that the result has the same bits whoever computed what.
/// </summary>
/// <remarks>
/// Vectors, not sums: below 1,000 images for a range, vectors are the smaller of the two (2,048 features: 8 KB for an image, 32 MB for the sums), and kernel distances,
/// standard errors and the extrapolation in 1/n need them. Vectors of an image may depend on the batch it is in by rounding: cut ranges at multiples of the batch.
/// </remarks>
/// <param name="FirstSeed">Seed of the first image.</param>
/// <param name="Count">Images n.</param>
/// <param name="Shape">Shape of an image.</param>
/// <param name="Spaces">Vectors by feature space.</param>
public sealed record ImageFeatures(long FirstSeed, int Count, ImageShape Shape, IReadOnlyList<FeatureVectors> Spaces)
{
    private const string KindKey = "kind";
    private const string Kind = "diffusion-image-features-1";
    private const string SeedKey = "first_seed";
    private const string ShapeKey = "image_shape";
    private const string SpacesKey = "feature_spaces";
    private const string SubjectKey = "subject";
    private const string Remedy = "Delete it; its images are measured again.";

    /// <summary>Joins ranges that follow one another without a gap.</summary>
    /// <param name="parts">In any order.</param>
    /// <exception cref="ArgumentException">Ranges overlap or leave a gap, or differ in image shape or feature spaces.</exception>
    public static ImageFeatures Merge(IEnumerable<ImageFeatures> parts)
    {
        ImageFeatures[] sorted = [.. parts.OrderBy(p => p.FirstSeed)];
        if (sorted.Length == 0)
        {
            throw new ArgumentException("There is nothing to merge.", nameof(parts));
        }

        var first = sorted[0];
        foreach (var (before, after) in sorted.Zip(sorted.Skip(1)))
        {
            if (after.FirstSeed != before.FirstSeed + before.Count)
            {
                throw new ArgumentException($"Seeds {before.FirstSeed} to {before.FirstSeed + before.Count - 1} are followed by {after.FirstSeed}: every seed is needed once.", nameof(parts));
            }

            if (after.Shape != first.Shape || after.Spaces.Count != first.Spaces.Count || !after.Spaces.Zip(first.Spaces).All(p => p.First.Space.IsSameAs(p.Second.Space)))
            {
                throw new ArgumentException($"Images of {first.Shape} in {string.Join(", ", first.Spaces.Select(s => s.Space))} and of {after.Shape} in {string.Join(", ", after.Spaces.Select(s => s.Space))} cannot be merged. Measure all with the same feature networks.", nameof(parts));
            }
        }

        return first with
        {
            Count = sorted.Sum(p => p.Count),
            Spaces = [.. first.Spaces.Select((s, i) => s with { Values = Concatenated(sorted, i) })],
        };
    }

    /// <summary>Saves the vectors as safetensors with a digest; the file appears whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="subject">What was measured and how (weights, sampler); <see cref="Load"/> demands the same.</param>
    /// <returns>The file's digest.</returns>
    public string Save(string path, string subject)
    {
        TensorSpec[] tensors = [.. Spaces.Select((s, i) => new TensorSpec(Name(i), ElementType.Float32, [Count, s.Space.Dimension]))];
        var metadata = new Dictionary<string, string>
        {
            [KindKey] = Kind,
            [SeedKey] = FirstSeed.ToString(CultureInfo.InvariantCulture),
            [ShapeKey] = Shape.ToString(),
            [SpacesKey] = JsonSerializer.Serialize(Spaces.Select(s => s.Space), StrictJson.Options),
            [SubjectKey] = subject,
        };
        using var writer = SafetensorsWriter.Create(path, tensors, metadata);
        foreach (var space in Spaces)
        {
            writer.WriteFloat32(space.Values);
        }

        return writer.Complete().ContentId;
    }

    /// <summary>Loads and verifies what <see cref="Save"/> wrote.</summary>
    /// <exception cref="DamagedFileException">The file is damaged, of another kind, or of another subject.</exception>
    public static ImageFeatures Load(string path, string subject)
    {
        using var file = SafetensorsFile.Open(path);
        file.Verify();
        var metadata = file.Metadata;
        if (metadata.GetValueOrDefault(KindKey) != Kind || metadata.GetValueOrDefault(SubjectKey) != subject
            || !long.TryParse(metadata.GetValueOrDefault(SeedKey), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long firstSeed))
        {
            throw new DamagedFileException(path, "it does not hold the features of this measurement", Remedy);
        }

        var spaces = JsonSerializer.Deserialize<FeatureSpace[]>(metadata[SpacesKey], StrictJson.Options)!;
        long count = file.Entry(Name(0)).Shape[0];
        return new ImageFeatures(firstSeed, checked((int)count), ShapeOf(path, metadata[ShapeKey]), [.. spaces.Select((s, i) => new FeatureVectors(s, file.Float32(Name(i))))]);
    }

    internal static ImageShape ShapeOf(string path, string text)
    {
        string[] sides = text.Split('x');
        return sides.Length == 3 && sides.All(s => int.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out int side) && side > 0)
            ? new ImageShape(int.Parse(sides[0], CultureInfo.InvariantCulture), int.Parse(sides[1], CultureInfo.InvariantCulture), int.Parse(sides[2], CultureInfo.InvariantCulture))
            : throw new DamagedFileException(path, $"its image shape is '{text}'", Remedy);
    }

    private static string Name(int space) => string.Create(CultureInfo.InvariantCulture, $"features.{space}");

    private static float[] Concatenated(ImageFeatures[] parts, int space)
    {
        var all = new float[parts.Sum(p => (long)p.Spaces[space].Values.Length)];
        int at = 0;
        foreach (var part in parts)
        {
            part.Spaces[space].Values.CopyTo(all, at);
            at += part.Spaces[space].Values.Length;
        }

        return all;
    }
}
