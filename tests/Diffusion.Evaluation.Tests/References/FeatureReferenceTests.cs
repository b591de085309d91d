using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Distances;
using Diffusion.Evaluation.References;
using Diffusion.Evaluation.Tests.Distances;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Tests.References;

public sealed class FeatureReferenceTests
{
    [Fact]
    public void Save_Tensors_LoadsTheSame()
    {
        using var folder = new TemporaryFolder();
        var reference = Reference();
        reference.Save(folder.In("ref.safetensors"));

        var loaded = FeatureReference.Load(folder.In("ref.safetensors"));

        Assert.Equal(reference.Space, loaded.Space);
        Assert.Equal((reference.Shape, reference.Count, reference.Source), (loaded.Shape, loaded.Count, loaded.Source));
        Assert.All(MetricNames.All.Take(3), m => Assert.Equal(reference.HashFor(m), loaded.HashFor(m)));
    }

    [Fact]
    public void Save_Numpy_KeepsMeanAndCovarianceWithTheSameHash()
    {
        using var folder = new TemporaryFolder();
        Reference().Save(folder.In("ref.npz"));

        var loaded = FeatureReference.Load(folder.In("ref.npz"));

        Assert.Equal(Reference().HashFor(MetricNames.Frechet), loaded.HashFor(MetricNames.Frechet));
        Assert.Equal([MetricNames.Frechet], loaded.Metrics);
        Assert.Null(loaded.Space);
    }

    [NumpyFact]
    public async Task Numpy_ReadsOursAndWeReadNumpys()
    {
        using var folder = new TemporaryFolder();
        Reference().Save(folder.In("ours.npz"));

        string[] said = await Numpy.RunAsync($$"""
            import numpy as np
            r = np.load({{Quoted(folder.In("ours.npz"))}}, allow_pickle=False)
            mu, sigma = r['mu'], r['sigma']
            print(mu.dtype, mu.shape, sigma.shape, np.array_equal(sigma, sigma.T))
            np.savez({{Quoted(folder.In("theirs.npz"))}}, mu=mu, sigma=sigma, more=np.arange(3))
            np.savez_compressed({{Quoted(folder.In("small.npz"))}}, mu=mu.astype(np.float32), sigma=sigma)
            np.savez({{Quoted(folder.In("bad.npz"))}}, mu=np.array([{'a': 1}], dtype=object), sigma=sigma)
            """);

        Assert.Equal(["float64 (5,) (5, 5) True"], said);
        Assert.Equal(Reference().HashFor(MetricNames.Frechet), FeatureReference.Load(folder.In("theirs.npz")).HashFor(MetricNames.Frechet));
        Assert.Equal(5, FeatureReference.Load(folder.In("small.npz")).Distribution!.Mean.Length);
        Assert.Contains("pickles", Assert.Throws<DamagedFileException>(() => FeatureReference.Load(folder.In("bad.npz"))).Message);
    }

    [Fact]
    public void Load_OtherFiles_SayWhatTheyAreNot()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.In("text.npz"), "no archive");
        NumpyArchive.Write(folder.In("half.npz"), ("mu", new NumpyArray([2], [1, 2])));
        NumpyArchive.Write(folder.In("odd.npz"), ("mu", new NumpyArray([2], [1, 2])), ("sigma", new NumpyArray([1, 1], [1])));

        Assert.Contains("no whole .npz", Assert.Throws<DamagedFileException>(() => FeatureReference.Load(folder.In("text.npz"))).Message);
        Assert.Contains("no array 'sigma', only 'mu'", Assert.Throws<DamagedFileException>(() => FeatureReference.Load(folder.In("half.npz"))).Message);
        Assert.Contains("2 values and its sigma 1", Assert.Throws<DamagedFileException>(() => FeatureReference.Load(folder.In("odd.npz"))).Message);
        Assert.Contains("metrics ref", Assert.Throws<ConfigurationException>(() => FeatureReference.Load(folder.In("gone.npz"))).Message);
        Assert.Contains(".safetensors", Assert.Throws<ConfigurationException>(() => FeatureReference.Load(folder.In("ref.pkl"))).Message);
    }

    internal static FeatureReference Reference()
    {
        float[] vectors = Gaussian.Vectors(5, 50, 1);
        var statistics = new FeatureStatistics(5);
        statistics.Add(vectors);
        return new FeatureReference
        {
            Distribution = statistics.Distribution(),
            Space = new FeatureSpace("net.ts", new string('a', 64), "unit", 5),
            Vectors = vectors,
            Quantiles = SlicedWasserstein.Quantiles(Gaussian.Vectors(3, 50, 2), 3),
            Shape = new ImageShape(3, 16, 16),
            Count = 50,
            Source = "fifty",
        };
    }

    private static string Quoted(string path) => $"'{path}'";
}
