using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Latents;
using Diffusion.Evaluation.Sampling;
using Diffusion.Model;
using Diffusion.Model.Networks;
using TorchSharp;

namespace Diffusion.Evaluation.Tests.Sampling;

public sealed class SampleGridTests
{
    [Fact]
    public void Rows_NoClasses_AreEightWithoutOne() => Assert.Equal(new int?[] { null, null, null, null, null, null, null, null }, SampleGrid.Rows(0));

    [Fact]
    public void Rows_TenClasses_AreAllOfThem() => Assert.Equal(Enumerable.Range(0, 10).Select(c => (int?)c), SampleGrid.Rows(10));

    [Fact]
    public void Rows_ManyClasses_AreEightSpreadEvenly() => Assert.Equal(new int?[] { 0, 125, 250, 375, 500, 625, 750, 875 }, SampleGrid.Rows(1000));

    /// <summary>The autoencoder paints a latent as a block of 8 x 8 pixels.</summary>
    [Fact]
    public void Write_NetworkOfLatents_DrawsDecodedImagesOrAsksForTheDecoder()
    {
        using var folder = new TemporaryFolder();
        var config = RunPresets.Get("shapes-16");
        using var network = ModelParts.CreateNetwork(ModelOptions.Of(config, new Diffusion.Model.Networks.ImageShape(8, 4, 2)));
        using (var generator = new torch.Generator(1, torch.CPU))
        {
            network.Initialize(generator);
        }

        network.Training = false;
        var sampler = ModelParts.CreateSampler(config.Sampler.With("steps", 2));
        Assert.Contains("--vae FILE", Assert.Throws<InvalidOperationException>(() => SampleGrid.Write(folder.In("none.png"), network, sampler)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.In("none.png")));

        using var autoencoder = ScriptedAutoencoder.Load(Path.Combine(AppContext.BaseDirectory, "Latents", "whole.pt"));
        Assert.Equal(16, SampleGrid.Write(folder.In("grid.png"), network, sampler, autoencoder: autoencoder));
        var grid = ImageDecoder.Read(folder.In("grid.png"));
        byte[] pixels = grid.Bytes;
        int width = grid.Shape.Width;
        Assert.Equal((2 * (64 + 2)) - 2, grid.Shape.Height);
        foreach (var (x, y) in new[] { (0, 0), (8, 0), (0, 56), (66, 66) })
        {
            Assert.All(Enumerable.Range(0, 64), i => Assert.Equal(pixels[(y * width) + x], pixels[((y + (i / 8)) * width) + x + (i % 8)]));
        }
    }
}
