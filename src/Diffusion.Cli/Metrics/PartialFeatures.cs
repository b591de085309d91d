using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Data;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.References;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;
using TorchSharp;

namespace Diffusion.Cli.Metrics;

/// <summary>Measures seeds range by range and keeps every range on disk until all are there, so that Ctrl-C and crashes cost one range at most.</summary>
internal sealed class PartialFeatures
{
    private const int RangeBatches = 8;

    private readonly string? directory;
    private readonly string subject;

    /// <param name="parent">Folder for unfinished measurements; null to keep nothing.</param>
    /// <param name="subject">What is measured and how; another subject has another folder.</param>
    public PartialFeatures(string? parent, string subject)
    {
        this.subject = subject;
        directory = parent is null ? null : Path.Combine(parent, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(subject)))[..16]);
    }

    /// <summary>Where a run keeps the unfinished measurement of a network; where there is no run, nothing is kept.</summary>
    public static PartialFeatures Of(RunDirectory? run, SampledNetwork subject, IFeatureNetwork? extractor, ImageMeasurement measurement, int batch, torch.Device device) => new(
        run is null ? null : Path.Combine(run.Path, "metrics"),
        string.Create(CultureInfo.InvariantCulture, $"{subject.Subject} {extractor?.Space.Hash} {extractor?.Space.Input} {string.Join(',', measurement.Metrics)} batch {batch} on {device}"));

    /// <summary>Measures what is not there yet.</summary>
    public ImageFeatures Measure(GeneratedImages generated, ImageMeasurement measurement, long firstSeed, int count, int batch, IProgress<ImageProgress> progress, CancellationToken cancellationToken)
    {
        if (directory is not null)
        {
            Directory.CreateDirectory(directory);
            AtomicFile.RemoveLeftovers(directory);
        }

        var parts = new List<ImageFeatures>();
        int done = 0;
        foreach (var (first, size) in SeedRange.Cut(firstSeed, count, batch * RangeBatches))
        {
            int before = done;
            parts.Add(Existing(first, size) ?? New(first, size));
            progress.Report(new ImageProgress(done = before + size, count));

            ImageFeatures New(long seed, int images)
            {
                var part = generated.Measure(measurement, seed, images, new Offset(before, count, progress), cancellationToken);
                if (directory is not null)
                {
                    part.Save(PathOf(seed, images), subject);
                }

                return part;
            }
        }

        return ImageFeatures.Merge(parts);
    }

    /// <summary>Removes the ranges, once their sum is safe.</summary>
    public void Remove()
    {
        if (directory is not null && Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private string PathOf(long first, int count) => Path.Combine(directory!, string.Create(CultureInfo.InvariantCulture, $"seeds-{first}-{count}.safetensors"));

    // A damaged range is measured again, and said so.
    private ImageFeatures? Existing(long first, int count)
    {
        if (directory is null || !File.Exists(PathOf(first, count)))
        {
            return null;
        }

        try
        {
            return ImageFeatures.Load(PathOf(first, count), subject);
        }
        catch (DamagedFileException e)
        {
            Console.WriteLine($"note: {e.Message}");
            return null;
        }
    }

    private sealed class Offset(int before, int total, IProgress<ImageProgress> progress) : IProgress<int>
    {
        public void Report(int value) => progress.Report(new ImageProgress(before + value, total));
    }
}
