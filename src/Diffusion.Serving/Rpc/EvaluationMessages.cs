using System.Collections.Immutable;
using System.Text.Json;
using Diffusion.Contracts.Configuration;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;
using Google.Protobuf;

namespace Diffusion.Serving;

/// <summary>Between what travels and what the queue speaks of.</summary>
internal static class EvaluationMessages
{
    public static EvaluationJob FromMessage(this V1.EvaluationJob job) => new()
    {
        Run = job.Run,
        RunId = job.RunId,
        ImagesSeen = job.HasImagesSeen ? job.ImagesSeen : -1,
        RelativeStd = job.RelativeStd,
        Metrics = [.. job.Metrics.Select(m => new MetricRequest(m.Name, m.ReferenceHash, m.Features is { } f ? new FeatureSpace(f.Name, f.Hash, f.Input, f.Dimension) : null))],
        Settings = Settings(job.SettingsJson),
        Guide = job.Guide is { } g ? new GuideWeights(g.Hash, g.Run, g.ImagesSeen, g.RelativeStd, Optional(g.Artifact)) : null,
        FirstSeed = job.FirstSeed,
        Count = job.Count,
        Batch = job.Batch == 0 ? 64 : job.Batch,
        PartSeeds = job.PartSeeds == 0 ? 256 : job.PartSeeds,
        Threads = job.Threads == 0 ? 1 : job.Threads,
        Reference = Optional(job.ReferenceArtifact),
        HeldOut = Optional(job.HeldOutArtifact),
        Features = Optional(job.FeaturesArtifact),
        TrustedFeatures = Optional(job.TrustedFeatures),
        TrustedAutoencoder = Optional(job.TrustedAutoencoder),
    };

    public static V1.EvaluationJob ToMessage(this EvaluationJob job)
    {
        var message = new V1.EvaluationJob
        {
            Run = job.Run,
            RunId = job.RunId,
            RelativeStd = job.RelativeStd,
            Metrics = { job.Metrics.Select(ToMessage) },
            SettingsJson = JsonSerializer.Serialize(job.Settings),
            Guide = job.Guide is { } g ? new V1.GuideWeights { Hash = g.Hash, Run = g.Run, ImagesSeen = g.ImagesSeen, RelativeStd = g.RelativeStd, Artifact = g.Artifact ?? "" } : null,
            FirstSeed = job.FirstSeed,
            Count = job.Count,
            Batch = job.Batch,
            PartSeeds = job.PartSeeds,
            Threads = job.Threads,
            ReferenceArtifact = job.Reference ?? "",
            HeldOutArtifact = job.HeldOut ?? "",
            FeaturesArtifact = job.Features ?? "",
            TrustedFeatures = job.TrustedFeatures ?? "",
            TrustedAutoencoder = job.TrustedAutoencoder ?? "",
        };
        if (job.ImagesSeen >= 0)
        {
            message.ImagesSeen = job.ImagesSeen;
        }

        return message;
    }

    public static V1.EvaluationStatus ToMessage(this JobReport report) => new()
    {
        Key = report.Key,
        Job = report.Job.ToMessage(),
        Phase = report.Phase switch
        {
            JobPhase.Measuring => V1.EvaluationPhase.Measuring,
            JobPhase.Merging => V1.EvaluationPhase.Merging,
            JobPhase.Done => V1.EvaluationPhase.Done,
            JobPhase.Failed => V1.EvaluationPhase.Failed,
            _ => V1.EvaluationPhase.Cancelled,
        },
        SeedsDone = report.SeedsDone,
        SeedsInWork = report.SeedsInWork,
        Evaluators = { report.Evaluators },
        Scores = { report.Scores.Select(ToMessage) },
        Remarks = { report.Remarks },
        Reason = report.Reason,
    };

    public static JobReport FromMessage(this V1.EvaluationStatus status) => new(
        status.Key,
        status.Job.FromMessage(),
        status.Phase switch
        {
            V1.EvaluationPhase.Measuring => JobPhase.Measuring,
            V1.EvaluationPhase.Merging => JobPhase.Merging,
            V1.EvaluationPhase.Done => JobPhase.Done,
            V1.EvaluationPhase.Failed => JobPhase.Failed,
            _ => JobPhase.Cancelled,
        },
        status.SeedsDone,
        status.SeedsInWork,
        [.. status.Evaluators],
        [.. status.Scores.Select(FromMessage)],
        [.. status.Remarks],
        status.Reason);

    public static V1.EvaluationTask ToMessage(this EvaluationTask task) => new()
    {
        Key = task.Key,
        Job = task.Job.ToMessage(),
        Part = task.Part,
        FirstSeed = task.Seeds.First,
        Count = task.Seeds.Count,
        LeaseSeconds = task.Lease.TotalSeconds,
        Statistics = { task.Statistics },
    };

    public static EvaluationTask FromMessage(this V1.EvaluationTask task) =>
        new(task.Key, task.Job.FromMessage(), task.Part, new SeedRange(task.FirstSeed, task.Count), TimeSpan.FromSeconds(task.LeaseSeconds), [.. task.Statistics]);

    public static V1.ScoreInfo ToMessage(this Score score)
    {
        var message = new V1.ScoreInfo { Metric = score.Metric, Value = score.Value, Record = ByteString.CopyFrom(ScoreRecord.Encode(score)) };
        if (score.StandardError is { } error)
        {
            message.StandardError = error;
        }

        if (score.Extrapolated is { } limit)
        {
            message.Extrapolated = limit;
        }

        return message;
    }

    public static Score FromMessage(this V1.ScoreInfo score)
    {
        try
        {
            return ScoreRecord.Decode(score.Record.Memory, "a score that was sent");
        }
        catch (DamagedFileException e)
        {
            throw new EvaluationRefusedException(e.Message, isInvalid: true);
        }
    }

    public static EvaluatorAbilities Abilities(this V1.LeaseRequest request) =>
        new(request.Numerics, request.Metrics.ToImmutableHashSet(StringComparer.Ordinal), request.Trusted.ToImmutableHashSet(StringComparer.Ordinal));

    private static V1.MetricRequest ToMessage(MetricRequest metric) => new()
    {
        Name = metric.Name,
        ReferenceHash = metric.ReferenceHash,
        Features = metric.Features is { } f ? new V1.FeatureSpaceInfo { Name = f.Name, Hash = f.Hash, Input = f.Input, Dimension = f.Dimension } : null,
    };

    private static ComponentConfig Settings(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<ComponentConfig>(json) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new EvaluationRefusedException($"settings_json '{json}' is no JSON object with a \"kind\", such as a sampler's: {e.Message}", isInvalid: true);
        }
    }

    private static string? Optional(string text) => text.Length == 0 ? null : text;
}
