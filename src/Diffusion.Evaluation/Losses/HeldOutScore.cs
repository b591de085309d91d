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
    public static Score Of(HeldOutLossResult result, ImageSet images, HeldOutLossOptions options, RunConfig config, SampledNetwork network, DateTimeOffset measuredAt) =>
        Of(result, HeldOutImages.Of(images), options, config, network, measuredAt);

    /// <inheritdoc cref="Of(HeldOutLossResult, ImageSet, HeldOutLossOptions, RunConfig, SampledNetwork, DateTimeOffset)"/>
    public static Score Of(HeldOutLossResult result, HeldOutImages images, HeldOutLossOptions options, RunConfig config, SampledNetwork network, DateTimeOffset measuredAt) =>
        (network with { Settings = SettingsOf(options, config), GuideHash = null }).Score(MetricNames.HeldOutLoss, result.Mean, result.StandardError, images.Count, images.Hash, measuredAt) with { Extrapolated = result.Mean };

    /// <summary>How a loss is measured, as scores say it.</summary>
    /// <param name="options">With what noise.</param>
    /// <param name="config">The run whose noise levels and loss are used.</param>
    public static ComponentConfig SettingsOf(HeldOutLossOptions options, RunConfig config) =>
        ComponentConfig.Of("held-out-loss", ("seed", options.Seed), ("drawsPerImage", options.DrawsPerImage), ("noise", Text(config.Noise)), ("loss", Text(config.Loss)));

    private static string Text(ComponentConfig part) => System.Text.Json.JsonSerializer.Serialize(part);
}
