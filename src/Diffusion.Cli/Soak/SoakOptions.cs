using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;

namespace Diffusion.Cli.Soak;

/// <summary>What a soak is asked for.</summary>
internal sealed record SoakOptions
{
    public int Faults { get; init; } = 200;

    public int Steps { get; init; } = 2000;

    public int Seed { get; init; } = 1;

    /// <summary>Longest duration of it all.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromMinutes(60);

    /// <summary>Where the runs are kept; null for a temporary folder that goes when nothing differs.</summary>
    public string? Directory { get; init; }

    /// <summary>Factor on all waiting times of the run.</summary>
    public double TimeoutScale { get; init; } = 1;

    public IEnumerable<string> Problems()
    {
        if (Faults is < 1 or > 100_000)
        {
            yield return $"--faults is {Faults}; 1 to 100000.";
        }

        if (Steps < 5 * Faults || Steps > 1_000_000)
        {
            yield return $"--steps is {Steps}; between five for each fault, {5 * Faults}, and a million: more faults than that fall into one another's recovery.";
        }

        if (Limit < TimeSpan.FromSeconds(10) || Limit > TimeSpan.FromDays(7))
        {
            yield return FormattableString.Invariant($"--limit is {Limit.TotalMinutes} minutes; a sixth of a minute to a week.");
        }

        if (TimeoutScale is not (>= 0.1 and <= 1000))
        {
            yield return FormattableString.Invariant($"--timeout-scale is {TimeoutScale}; 0.1 to 1000.");
        }
    }
}

/// <summary>The run that is soaked: as small as everything a run has allows, so that most of the time goes into faults.</summary>
internal static class SoakSetting
{
    public const int BatchSize = 16;
    public const int Shards = 8;
    public const int ImageCount = 200;

    // Forward passes of the busiest of one to four workers, on average.
    private const double PassesPerStep = 4;
    private const double SecondsPerFault = 1.5;

    /// <summary>Draws and packs the images.</summary>
    /// <returns>Path of the packed images.</returns>
    public static string PrepareData(string directory, CancellationToken cancellationToken)
    {
        string images = Path.Combine(directory, "images");
        var cache = new DatasetCache(Path.Combine(directory, "packed"));
        if (!System.IO.Directory.Exists(images))
        {
            ShapesDataset.Write(images, new ShapesOptions { Count = ImageCount, Resolution = 16 }, null, cancellationToken);
        }

        using var packed = cache.Open(images, null, cancellationToken);
        return packed.Directory;
    }

    /// <summary>Two levels, some 50,000 parameters, dropout and attention, so that every kind of randomness takes part.</summary>
    public static RunConfig Config(SoakOptions options, string packed)
    {
        // At least a thousand images apart, the last two as well, since snapshots are named by thousands; eight times in a long run.
        int snapshots = Math.Clamp(options.Steps / 70, 1, 8);
        int snapshotSteps = Math.Max(63, (options.Steps + snapshots - 1) / snapshots);
        return new RunConfig
        {
            Seed = options.Seed,
            Shards = Shards,
            Data = new DataConfig { Path = packed },
            Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 8), ("channelMult", new JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new JsonArray(8)), ("channelsPerHead", 8), ("dropout", 0.1)),
            Training = new TrainingConfig
            {
                BatchSize = BatchSize,
                DurationImages = (long)BatchSize * options.Steps,
                LearningRate = 0.01,
                DecayBatches = 100,
                RampUpImages = 0,
                StatusImages = BatchSize * 10,
                SnapshotImages = BatchSize * snapshotSteps,
                CheckpointImages = BatchSize * Math.Clamp(options.Steps / 10, 10, 50),
            },
        }.Checked();
    }

    /// <summary>What a disturbed worker's forward passes take more, so that the steps last for the faults: processes take seconds to start, steps take hundredths.</summary>
    public static TimeSpan SlowerBy(SoakOptions options) => TimeSpan.FromSeconds(Math.Min(0.25, SecondsPerFault * options.Faults / options.Steps / PassesPerStep));
}
