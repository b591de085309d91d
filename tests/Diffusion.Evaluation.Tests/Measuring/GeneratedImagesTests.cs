using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Distances;
using Diffusion.Evaluation.Features;
using Diffusion.Evaluation.Measuring;
using Diffusion.Evaluation.References;
using Diffusion.Model;
using Diffusion.Model.Networks;
using TorchSharp;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Tests.Measuring;

public sealed class GeneratedImagesTests
{
    private static readonly ImageShape Shape = new(3, 16, 16);

    [Fact]
    public void Measure_AnySharingOfTheSeeds_HasTheSameBits()
    {
        var config = RunPresets.Get("shapes-16");
        using var network = ModelParts.CreateNetwork(ModelOptions.Of(config, new Model.Networks.ImageShape(16, 3, 10)));
        using (var generator = new torch.Generator(1, torch.CPU))
        {
            network.Initialize(generator);
        }

        network.Training = false;
        var generated = new GeneratedImages(network, null, ModelParts.CreateSampler(config.Sampler.With("steps", 2)), batch: 4);
        var projections = PyramidProjections.SpaceOf(Shape);
        var reference = new FeatureReference { Quantiles = new float[projections.Dimension * SlicedWasserstein.QuantileCount], Shape = Shape, Source = "nothing" };
        using var measurement = new ImageMeasurement(reference, null, Shape);

        var whole = generated.Measure(measurement, firstSeed: 0, count: 14);
        var shared = ImageFeatures.Merge([generated.Measure(measurement, 8, 6), generated.Measure(measurement, 0, 4), generated.Measure(measurement, 4, 4)]);

        Assert.Equal(14, whole.Count);
        Assert.Equal(whole.Spaces[0].Values, shared.Spaces[0].Values);
        Assert.Equal(measurement.Measure(whole)[0].Value, measurement.Measure(shared)[0].Value);
    }
}
