using System.Runtime.InteropServices;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Losses;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Sampling;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Snapshots.Scores;
using TorchSharp;

namespace Diffusion.Cli.Evaluators;

/// <summary>What a task gave: statistics of a part, or the scores of all.</summary>
internal sealed record TaskResult(string? StatisticsPath, IReadOnlyList<Score> Scores, IReadOnlyList<string> Remarks);

/// <summary>Computes tasks on one device. What a job needs stays loaded for its next part.</summary>
internal sealed class TaskWork(FetchedFiles fetched, TrustedFiles trusted, string scratch, torch.Device device) : IDisposable
{
    private const string AutoencoderKey = "autoencoder";

    private string loadedKey = "";
    private FetchedWeights? weights;
    private NetworkMeasurement? images;
    private (HeldOutImages Images, HeldOutLoss Loss, HeldOutLossOptions Options, RunConfig Config)? loss;

    /// <summary>Fetches what a job needs.</summary>
    /// <exception cref="ConfigurationException">The job makes no sense: nobody could do better.</exception>
    public async Task PrepareAsync(EvaluationJob job, string key, CancellationToken cancellationToken)
    {
        if (key == loadedKey)
        {
            return;
        }

        Dispose();
        weights = await fetched.WeightsAsync(job.Run, job.ImagesSeen, job.RelativeStd, cancellationToken);
        if (job.Metrics[0].Name == MetricNames.HeldOutLoss)
        {
            loss = await LossAsync(job, cancellationToken);
        }
        else
        {
            images = new NetworkMeasurement(await FilesAsync(job, cancellationToken), Sampler(job), [.. job.Metrics.Select(m => m.Name)], job.Batch, device, cancellationToken);
            RequireConditions(job, images.Measurement);
        }

        loadedKey = key;
        fetched.Shrink();
    }

    /// <summary>Fetches the statistics that the last step merges.</summary>
    public async Task<IReadOnlyList<string>> StatisticsAsync(EvaluationTask task, CancellationToken cancellationToken)
    {
        var paths = new List<string>();
        foreach (string digest in task.Statistics)
        {
            paths.Add(await fetched.FileAsync(task.Job.Run, digest, cancellationToken));
        }

        return paths;
    }

    /// <summary>Computes; blocks its thread.</summary>
    public TaskResult Compute(EvaluationTask task, IReadOnlyList<string> statistics, IProgress<int> progress, CancellationToken cancellationToken)
    {
        torch.set_num_threads(task.Job.Threads);
        if (task.IsMerge)
        {
            var scores = loss is null ? MergeImages(task, statistics, cancellationToken) : MergeLoss(task, statistics);
            task.Statistics.Distinct().ToList().ForEach(fetched.Forget);
            return scores;
        }

        string path = Path.Combine(scratch, $"{task.Key}-{task.Part}.statistics");
        if (loss is { } held)
        {
            using var network = SnapshotNetwork.Load(weights!.Path, device, cancellationToken);
            double[] errors = held.Loss.MeasurePart(network, (int)task.Seeds.First, task.Seeds.Count, progress, cancellationToken);
            File.WriteAllBytes(path, MemoryMarshal.AsBytes(errors.AsSpan()));
        }
        else
        {
            images!.Generated.Measure(images.Measurement, task.Seeds.First, task.Seeds.Count, progress, cancellationToken).Save(path, task.Key);
        }

        return new TaskResult(path, [], []);
    }

    public void Dispose()
    {
        images?.Dispose();
        (loadedKey, images, loss) = ("", null, null);
    }

    private TaskResult MergeImages(EvaluationTask task, IReadOnlyList<string> statistics, CancellationToken cancellationToken)
    {
        var merged = ImageFeatures.Merge(statistics.Select(path => ImageFeatures.Load(path, task.Key)));
        var measured = images!.Measurement.Measure(merged, cancellationToken);
        var network = Network(task.Job);
        var now = TimeProvider.System.GetLocalNow();

        // Files here are called by their digests; the name for people is that of the request.
        var scores = measured.Select(m => m.ToScore(network, task.Job.FirstSeed, now) with { Features = task.Job.Metrics.First(r => r.Name == m.Metric).Features });
        return new TaskResult(null, [.. scores], [.. measured.SelectMany(m => m.Remarks.Select(remark => $"{m.Metric}: {remark}"))]);
    }

    private TaskResult MergeLoss(EvaluationTask task, IReadOnlyList<string> statistics)
    {
        var (held, _, options, config) = loss!.Value;
        double[] errors = [.. statistics.SelectMany(path => MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(path)).ToArray())];
        return errors.Length == task.Job.Count
            ? new TaskResult(null, [HeldOutScore.Of(HeldOutLossResult.Of(errors, []), held, options, config, Network(task.Job), TimeProvider.System.GetLocalNow())], [])
            : throw new InvalidOperationException($"The parts hold {errors.Length} errors for {task.Job.Count} images.");
    }

    private SampledNetwork Network(EvaluationJob job) => new()
    {
        RunId = job.RunId,
        ImagesSeen = job.ImagesSeen,
        RelativeStd = job.RelativeStd,
        WeightsHash = weights!.ContentId,
        Settings = job.Settings,
        GuideHash = job.Guide?.Hash,
    };

    private async Task<MeasurementFiles> FilesAsync(EvaluationJob job, CancellationToken cancellationToken)
    {
        string reference = await fetched.FileAsync(job.Run, job.Reference ?? throw new ConfigurationException("The job names no reference statistics (reference_artifact). Upload a file of 'metrics ref'."), cancellationToken);
        string? features = job.Features is { } digest ? await fetched.FileAsync(job.Run, digest, cancellationToken) : null;

        // Data, never a program: TorchScript that came over the network is not opened.
        if (features is not null && !TrainedFeatures.IsAt(features))
        {
            throw new ConfigurationException($"The feature network {job.Features![..12]}… that was uploaded is none of 'features train'. TorchScript is not run because a server sends it: submit it as trusted_features, and start evaluators with --trust-features FILE.");
        }

        string? guide = job.Guide is not { } asked ? null
            : asked.Artifact is { } file ? Named(await fetched.FileAsync(job.Run, file, cancellationToken), ".safetensors")
            : (await fetched.WeightsAsync(asked.Run, asked.ImagesSeen, asked.RelativeStd, cancellationToken)).Path;
        if (guide is not null && SampleJob.DigestOf(guide) != job.Guide!.Hash)
        {
            throw new ConfigurationException($"The guiding network has the digest {SampleJob.DigestOf(guide)[..12]}…, asked for was {job.Guide.Hash[..Math.Min(12, job.Guide.Hash.Length)]}…. Submit the job with the digest of the network that is there.");
        }

        return new MeasurementFiles
        {
            Weights = weights!.Path,
            Reference = Named(reference, IsZip(reference) ? ".npz" : ".safetensors"),
            Guide = guide,
            Autoencoder = trusted.PathOf(job.TrustedAutoencoder),
            Features = features ?? trusted.PathOf(job.TrustedFeatures),
            FeaturesInput = job.TrustedFeatures is null ? null : job.Metrics.Select(m => m.Features?.Input).FirstOrDefault(input => FeatureInput.All.Any(i => i.Name == input)),
        };
    }

    /// <summary>Formats are told by their endings; files here are called by their digests.</summary>
    private string Named(string path, string ending)
    {
        string link = Path.Combine(scratch, Path.GetFileName(path) + ending);
        return File.Exists(link) ? link : File.CreateSymbolicLink(link, path).FullName;
    }

    private static bool IsZip(string path)
    {
        using var file = File.OpenRead(path);
        return file.ReadByte() == 'P' && file.ReadByte() == 'K';
    }

    // The decoder's digest is part of what makes scores comparable, and no option of the sampler.
    private static ComponentConfig Sampler(EvaluationJob job)
    {
        var options = (System.Text.Json.Nodes.JsonObject)job.Settings.Options.DeepClone();
        options.Remove(AutoencoderKey);
        return job.Settings with { Options = options };
    }

    /// <summary>What was asked for and what the files are differ: better known before sampling than after.</summary>
    private static void RequireConditions(EvaluationJob job, ImageMeasurement measurement)
    {
        foreach (var metric in job.Metrics)
        {
            var (hash, space) = measurement.ConditionsOf(metric.Name);
            if (hash != metric.ReferenceHash || metric.Features is not { } asked || !space.IsSameAs(asked))
            {
                throw new ConfigurationException($"'{metric.Name}' was asked for against reference {Short(metric.ReferenceHash)} in {metric.Features?.ToString() ?? "no feature space"}; the files that came with the job are {Short(hash)} in {space}.");
            }
        }
    }

    private static string Short(string hash) => hash[..Math.Min(12, hash.Length)];

    private async Task<(HeldOutImages Images, HeldOutLoss Loss, HeldOutLossOptions Options, RunConfig Config)> LossAsync(EvaluationJob job, CancellationToken cancellationToken)
    {
        var held = HeldOutImages.Load(await fetched.FileAsync(job.Run, job.HeldOut ?? throw new ConfigurationException("The job names no held-out images (held_out_artifact)."), cancellationToken));
        using var file = SafetensorsFile.Open(weights!.Path);
        var config = SnapshotNetwork.ConfigOf(file);
        var options = new HeldOutLossOptions { BatchSize = job.Batch, Seed = Number(job, "seed"), DrawsPerImage = (int)Number(job, "drawsPerImage") };
        if (held.Count != job.Count || job.FirstSeed != 0)
        {
            throw new ConfigurationException($"The job asks for images {job.FirstSeed} to {job.FirstSeed + job.Count - 1}, the file holds {held.Count}. A loss is measured on all of them.");
        }

        return (held, new HeldOutLoss(held, ModelParts.CreateNoise(config.Noise), ModelParts.CreateLoss(config.Loss), options), options, config);
    }

    private static long Number(EvaluationJob job, string option) => job.Settings.Options[option]?.GetValue<long>() ?? throw new ConfigurationException($"The job's settings lack '{option}' (a loss has seed and drawsPerImage).");
}
