using Diffusion.Data;

namespace Diffusion.Cli.Tests.Verbs;

/// <summary>The verbs of metrics as processes, on a few drawn shapes.</summary>
public sealed class MetricsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("ends neither in .safetensors nor in .npz", "metrics", "ref", "--data", "shapes", "--dest", "ref.pkl")]
    [InlineData("need --features FILE", "metrics", "ref", "--data", "shapes", "--dest", "ref.npz")]
    [InlineData("metrics ref", "metrics", "calc", "--images", "shapes", "--ref", "none.npz")]
    [InlineData("at least 2 images", "metrics", "gen", "--net", "x", "--ref", "r.npz", "--num", "1")]
    [InlineData("either --data PATH or --run RUN", "features", "train")]
    [InlineData("holds no run", "scores", "runs/none")]
    public async Task Run_WhatCannotBe_IsRefused(string expected, params string[] arguments)
    {
        var result = await DiffusionProcess.RunAsync(folder.Path, arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, result.Errors);
    }

    [Fact]
    public async Task Verbs_OneAfterTheOther_MeasureImagesAgainstThemselvesAsZero()
    {
        ShapesDataset.Write(Path.Combine(folder.Path, "shapes"), new ShapesOptions { Count = 200 }, null, CancellationToken.None);

        var trained = await Done("features", "train", "--data", "shapes", "--epochs", "1", "--width", "8", "--dest", "f.safetensors");
        Assert.Contains("16 features", trained);
        await Done("metrics", "ref", "--data", "shapes", "--features", "f.safetensors", "--dest", "ref.safetensors");
        await Done("metrics", "ref", "--data", "shapes", "--features", "f.safetensors", "--dest", "ref.npz");
        string[] self = (await Done("metrics", "calc", "--images", "shapes", "--ref", "ref.safetensors", "--features", "f.safetensors", "--num", "200")).Split('\n');

        Assert.Equal(["fd", "kid", "swd"], self.Where(l => l.Length > 0 && char.IsLetter(l[0]) && l.Contains(" n = ")).Select(l => l.Split(' ')[0]));
        Assert.True(Math.Abs(double.Parse(self.First(l => l.StartsWith("fd ", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture)) < 1e-6);

        var fewer = await DiffusionProcess.RunAsync(folder.Path, "metrics", "calc", "--images", "shapes", "--ref", "ref.npz", "--features", "f.safetensors");
        Assert.Contains("holds 200 images, --num is 50000", fewer.Errors);
        Assert.Contains("fd ", await Done("metrics", "calc", "--images", "shapes", "--ref", "ref.npz", "--features", "f.safetensors", "--num", "150"));
    }

    private async Task<string> Done(params string[] arguments)
    {
        var result = await DiffusionProcess.RunAsync(folder.Path, arguments);
        Assert.True(result.ExitCode == 0, result.Errors);
        return result.Output;
    }
}
