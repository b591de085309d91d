using System.Text.Json;
using System.Text.Json.Nodes;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Serving;

/// <summary>A run in <c>GET /runs</c>.</summary>
internal sealed record RunJson(string Name, string RunId, int Snapshots, long LatestImagesSeen, IReadOnlyList<double> TrackedLengths)
{
    public static RunJson Of(ServedRun run) => new(run.Name, run.RunId, run.SnapshotCount, run.LatestImagesSeen, run.TrackedLengths);
}

/// <summary><c>GET /runs/{run}/snapshots</c>.</summary>
internal sealed record SnapshotsJson(IReadOnlyList<SnapshotJson> Snapshots, IReadOnlyList<string> Refused)
{
    public static SnapshotsJson Of(SnapshotList list) => new([.. list.Times.Select(SnapshotJson.Of)], list.Refused);
}

/// <summary>One training time of a run.</summary>
internal sealed record SnapshotJson(long ImagesSeen, IReadOnlyList<AverageJson> Tracked)
{
    public static SnapshotJson Of(SnapshotTime time) => new(time.ImagesSeen, [.. time.Tracked.Select(AverageJson.Of)]);
}

/// <summary>An average that training stored.</summary>
internal sealed record AverageJson(double SigmaRel, string Precision, long Bytes, string Digest)
{
    public static AverageJson Of(StoredAverage average) => new(average.RelativeStd, PrecisionOf(average.ElementType), average.Bytes, average.ContentId);

    public static string PrecisionOf(ElementType type) => type switch
    {
        ElementType.Float16 => "float16",
        ElementType.Float32 => "float32",
        _ => type.HeaderName(),
    };
}

/// <summary>What a length at a time would be, without its weights.</summary>
internal sealed record WeightsJson(
    string Run, string RunId, long ImagesSeen, double SigmaRel, string Precision, string Profile, bool Tracked, int Inputs, double ExpectedError, double NoiseGain, string Warning, string Digest, long Bytes, JsonNode? Config)
{
    public static WeightsJson Of(WeightsDescription weights) => new(
        weights.Run, weights.RunId, weights.ImagesSeen, weights.RelativeStd, AverageJson.PrecisionOf(weights.ElementType), weights.Profile, weights.IsTracked, weights.InputCount,
        weights.ExpectedError, weights.NoiseGain, weights.Warning, weights.ContentId, weights.Bytes, Parse(weights.Config));

    private static JsonNode? Parse(string config)
    {
        try
        {
            return config.Length == 0 ? null : JsonNode.Parse(config);
        }
        catch (JsonException)
        {
            // Another program's snapshot may say anything there; it is shown as the text it is.
            return JsonValue.Create(config);
        }
    }
}
