using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Losses;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Model.Objectives;
using TorchSharp;

namespace Diffusion.Evaluation.Tests.Losses;

public sealed class HeldOutLossTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly PackedDataset dataset;
    private readonly RunConfig config = RunPresets.Get("shapes-16") with { Data = new DataConfig { HeldOut = 20 } };

    public HeldOutLossTests()
    {
        ShapesDataset.Write(folder.In("shapes"), new ShapesOptions { Count = 100 }, null, CancellationToken.None);
        dataset = new DatasetCache(folder.In("packed")).Open(folder.In("shapes"), null, CancellationToken.None);
    }

    public void Dispose()
    {
        dataset.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Measure_FreshNetwork_IsAboutTheLossOfSkippingAlone()
    {
        using var network = Fresh(seed: 1);

        // A fresh network's output gain is 0: D = c_skip·x, whose weighted error is about 1 for images of σ_data.
        var result = Measure(network, batch: 8);
        Assert.InRange(result.Mean, 0.2, 3);
        Assert.Equal(20, result.ImageErrors.Count);
        Assert.Equal(80, result.Bands.Sum(b => b.Count));
    }

    [Fact]
    public void Measure_OtherBatchSize_GivesTheSameLosses()
    {
        using var network = Fresh(seed: 1);

        var few = Measure(network, batch: 3);
        var many = Measure(network, batch: 20);
        Assert.Equal(few.ImageErrors, many.ImageErrors, (a, b) => Math.Abs(a - b) < 1e-5 * Math.Abs(b));
    }

    [Fact]
    public void Measure_Twice_IsBitIdentical()
    {
        using var network = Fresh(seed: 1);

        Assert.Equal(Measure(network, batch: 8).ImageErrors, Measure(network, batch: 8).ImageErrors);
    }

    [Fact]
    public void Measure_OtherSeed_GivesOtherLosses()
    {
        using var network = Fresh(seed: 1);

        Assert.NotEqual(Measure(network, batch: 8).Mean, Measure(network, batch: 8, seed: 1).Mean);
    }

    [Fact]
    public void DifferenceTo_Itself_IsZeroWithoutError()
    {
        using var network = Fresh(seed: 1);
        var result = Measure(network, batch: 8);

        Assert.Equal((0.0, 0.0), result.DifferenceTo(result));
    }

    [Fact]
    public void Measure_TrainingMode_IsRefused()
    {
        using var network = Fresh(seed: 1);
        network.Training = true;

        Assert.Contains("training mode", Assert.Throws<InvalidOperationException>(() => Measure(network, batch: 8)).Message);
    }

    [Fact]
    public void Measure_Afterwards_NoTensorIsLeft()
    {
        using var network = Fresh(seed: 1);
        Measure(network, batch: 8);
        long before = torch.Tensor.TotalCount;

        Measure(network, batch: 8);

        Assert.Equal(before, torch.Tensor.TotalCount);
    }

    [Fact]
    public void MeasurePart_OfAFileThatTravelled_JoinsToTheBitsOfTheWhole()
    {
        using var network = Fresh(seed: 1);
        var kept = HeldOutImages.Of(RunImages.HeldOut(config, dataset));
        kept.Save(folder.In("held-out"));
        var travelled = HeldOutImages.Load(folder.In("held-out"));
        Assert.Equal((kept.Hash, kept.Count, kept.LabelDim, kept.Shape), (travelled.Hash, travelled.Count, travelled.LabelDim, travelled.Shape));

        var loss = new HeldOutLoss(travelled, ModelParts.CreateNoise(config.Noise), ModelParts.CreateLoss(config.Loss), new HeldOutLossOptions { BatchSize = 4 });
        double[] joined = [.. new[] { (0, 8), (8, 8), (16, 4) }.SelectMany(part => loss.MeasurePart(network, part.Item1, part.Item2))];
        var whole = Measure(network, batch: 4);
        Assert.Equal(whole.ImageErrors, joined);
        Assert.Equal((whole.Mean, whole.StandardError), (HeldOutLossResult.Of(joined, []).Mean, HeldOutLossResult.Of(joined, []).StandardError));
    }

    [Fact]
    public void HeldOut_AndTraining_AreDisjoint()
    {
        var kept = RunImages.HeldOut(config, dataset);
        var trained = ImageSet.ForTraining(dataset, RunImages.Selection(config));

        Assert.Equal(100, kept.Count + trained.Count);
        Assert.Empty(Indices(kept).Intersect(Indices(trained)));
    }

    private static IEnumerable<int> Indices(ImageSet images) => Enumerable.Range(0, images.Count).Select(images.RawIndexOf);

    private HeldOutLossResult Measure(INetwork network, int batch, long seed = 0) =>
        new HeldOutLoss(RunImages.HeldOut(config, dataset), ModelParts.CreateNoise(config.Noise), ModelParts.CreateLoss(config.Loss), new HeldOutLossOptions { BatchSize = batch, Seed = seed }).Measure(network);

    private INetwork Fresh(ulong seed)
    {
        var network = ModelParts.CreateNetwork(ModelOptions.Of(config, new Model.Networks.ImageShape(16, 3, 10)));
        using var generator = new torch.Generator(seed);
        network.Initialize(generator);
        network.Training = false;
        return network;
    }
}
