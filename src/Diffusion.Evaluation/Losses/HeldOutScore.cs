using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Measuring;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Evaluation.Losses;

/// <summary>A held-out loss as a score. Only losses on the same images with the same noise and the same weighting share a curve.</summary>
public static class HeldOutScore
{
    /// <summary>The loss as it is kept.</summary>
    /// <param name="result">What was measured.</param>
    /// <param name="images">On what.</param>
    /// <param name="options">With what noise.</param>
    /// <param name="config">The run whose noise levels and loss were used.</param>
    /// <param name="network">The network; its settings are replaced by those of the measurement.</param>
    /// <param name="measuredAt">Now.</param>
    public static Score Of(HeldOutLossResult result, ImageSet images, HeldOutLossOptions options, RunConfig config, SampledNetwork network, DateTimeOffset measuredAt)
    {
        var settings = ComponentConfig.Of("held-out-loss", ("seed", options.Seed), ("drawsPerImage", options.DrawsPerImage), ("noise", Text(config.Noise)), ("loss", Text(config.Loss)));
        return (network with { Settings = settings, GuideHash = null }).Score(MetricNames.HeldOutLoss, result.Mean, result.StandardError, images.Count, HashOf(images), measuredAt) with { Extrapolated = result.Mean };
    }

    private static string Text(ComponentConfig part) => System.Text.Json.JsonSerializer.Serialize(part);

    private static string HashOf(ImageSet images)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(images.Dataset.Digest));
        for (int i = 0; i < images.Count; i++)
        {
            hash.AppendData(Encoding.ASCII.GetBytes(images.RawIndexOf(i).ToString(CultureInfo.InvariantCulture) + (images.IsMirrored(i) ? "m," : ",")));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
