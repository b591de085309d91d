using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.Sampling;
using Diffusion.Evaluation.Weights;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Cli.Metrics;

/// <summary>A snapshot file as what scores say they are of.</summary>
internal static class SampledSnapshot
{
    /// <summary>The sampler of the snapshot's run with options of the command line.</summary>
    public static ComponentConfig Sampler(string path, IEnumerable<(string Key, JsonNode? Value)> options)
    {
        using var file = SafetensorsFile.Open(path);
        return options.Where(o => o.Value is not null).Aggregate(SnapshotNetwork.ConfigOf(file).Sampler, (s, o) => s.With(o.Key, o.Value?.DeepClone()));
    }

    /// <summary>The snapshot, its sampler with every option written out, and what else decides its images.</summary>
    public static SampledNetwork Of(string path, string? guide, string? autoencoder, RunDirectory? run, IEnumerable<(string Key, JsonNode? Value)> options)
    {
        var settings = SampledNetwork.Effective(Sampler(path, options));
        return Of(path, run) with
        {
            GuideHash = guide is null ? null : SampleJob.DigestOf(guide),

            // Another decoder makes other images of the same latents.
            Settings = autoencoder is null ? settings : settings.With("autoencoder", SampleJob.DigestOf(autoencoder)),
        };
    }

    /// <summary>The snapshot with the sampler of its run.</summary>
    public static SampledNetwork Of(string path, RunDirectory? run)
    {
        using var file = SafetensorsFile.Open(path);
        var info = SnapshotInfo.Read(file);
        return new SampledNetwork
        {
            RunId = info.RunId ?? run?.Name ?? "",
            ImagesSeen = info.ImagesSeen,
            RelativeStd = info.RelativeStd,
            WeightsHash = file.RecordedDigest?.ContentId ?? SampleJob.DigestOf(path),
            Settings = SnapshotNetwork.ConfigOf(file).Sampler,
        };
    }
}
