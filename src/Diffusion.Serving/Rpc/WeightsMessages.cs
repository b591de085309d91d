using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Safetensors;
using Diffusion.V1;

namespace Diffusion.Serving;

/// <summary>Between what travels and what the library speaks of; no generated type goes further.</summary>
internal static class WeightsMessages
{
    public static ElementType FromMessage(this WeightPrecision precision) => precision switch
    {
        WeightPrecision.Unspecified or WeightPrecision.Float16 => ElementType.Float16,
        WeightPrecision.Float32 => ElementType.Float32,
        _ => throw new WeightsRefusedException($"Precision {(int)precision} is unknown; 1 is float16, 2 is float32.", isUnknown: false),
    };

    public static WeightPrecision ToMessage(this ElementType type) => type switch
    {
        ElementType.Float16 => WeightPrecision.Float16,
        ElementType.Float32 => WeightPrecision.Float32,
        _ => throw new WeightsRefusedException($"Weights are served as float16 or float32, not {type.HeaderName()}.", isUnknown: false),
    };

    public static WeightsQuery FromMessage(this WeightsSelection? weights)
    {
        weights ??= new WeightsSelection();
        return new WeightsQuery(weights.Run, weights.RelativeStd, weights.HasImagesSeen ? weights.ImagesSeen : null, weights.Precision.FromMessage());
    }

    public static WeightsSelection ToMessage(this WeightsQuery query)
    {
        var weights = new WeightsSelection { Run = query.Run, RelativeStd = query.RelativeStd, Precision = query.ElementType.ToMessage() };
        if (query.ImagesSeen is { } images)
        {
            weights.ImagesSeen = images;
        }

        return weights;
    }

    public static RunSummary ToMessage(this ServedRun run) => new()
    {
        Name = run.Name,
        RunId = run.RunId,
        Snapshots = run.SnapshotCount,
        LatestImagesSeen = run.LatestImagesSeen,
        TrackedLengths = { run.TrackedLengths },
    };

    public static ServedRun FromMessage(this RunSummary run) => new(run.Name, run.RunId, run.Snapshots, run.LatestImagesSeen, [.. run.TrackedLengths]);

    public static ListSnapshotsResponse ToMessage(this SnapshotList list) => new()
    {
        Snapshots = { list.Times.Select(time => new SnapshotSummary { ImagesSeen = time.ImagesSeen, Tracked = { time.Tracked.Select(ToMessage) } }) },
        Refused = { list.Refused },
    };

    public static SnapshotList FromMessage(this ListSnapshotsResponse list) => new(
        [.. list.Snapshots.Select(time => new SnapshotTime(time.ImagesSeen, [.. time.Tracked.Select(FromMessage)]))],
        [.. list.Refused]);

    public static DescribeSnapshotResponse ToMessage(this WeightsDescription weights) => new()
    {
        Run = weights.Run,
        RunId = weights.RunId,
        ImagesSeen = weights.ImagesSeen,
        RelativeStd = weights.RelativeStd,
        Precision = weights.ElementType.ToMessage(),
        Profile = weights.Profile,
        Tracked = weights.IsTracked,
        Inputs = weights.InputCount,
        ExpectedError = weights.ExpectedError,
        NoiseGain = weights.NoiseGain,
        Warning = weights.Warning,
        ContentId = weights.ContentId,
        Bytes = weights.Bytes,
        ConfigJson = weights.Config,
    };

    public static WeightsDescription FromMessage(this DescribeSnapshotResponse weights) => new()
    {
        Run = weights.Run,
        RunId = weights.RunId,
        ImagesSeen = weights.ImagesSeen,
        RelativeStd = weights.RelativeStd,
        ElementType = weights.Precision.FromMessage(),
        Profile = weights.Profile,
        IsTracked = weights.Tracked,
        InputCount = weights.Inputs,
        ExpectedError = weights.ExpectedError,
        NoiseGain = weights.NoiseGain,
        Warning = weights.Warning,
        ContentId = weights.ContentId,
        Bytes = weights.Bytes,
        Config = weights.ConfigJson,
    };

    private static TrackedAverage ToMessage(this StoredAverage average) => new()
    {
        RelativeStd = average.RelativeStd,
        // Other types, e.g. those of published networks, are converted to float32 for who asks.
        Precision = average.ElementType == ElementType.Float16 ? WeightPrecision.Float16 : WeightPrecision.Float32,
        Bytes = average.Bytes,
        ContentId = average.ContentId,
    };

    private static StoredAverage FromMessage(this TrackedAverage average) => new(average.RelativeStd, average.Precision.FromMessage(), average.Bytes, average.ContentId);
}
