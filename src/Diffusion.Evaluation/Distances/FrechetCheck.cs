using System.Text.Json.Nodes;
using Diffusion.Evaluation.Golden;

namespace Diffusion.Evaluation.Distances;

/// <summary>Recorded features, their statistics and the distance between them.</summary>
internal sealed class FrechetCheck : IGoldenCheck
{
    // Statistics are sums in another order; the distance goes through eigenvalues whose small ones lose half the digits.
    private const double StatisticsTolerance = 1e-9;
    private const double DistanceTolerance = 1e-6;

    private static readonly string[] Sides = ["gen", "ref"];

    public string Kind => "frechet";

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
    {
        var items = golden.Json["cases"] as JsonArray ?? [];
        var others = GoldenParts.Of(golden.Json).Where(part => part.Key != "cases");
        return
        [
            .. items.SelectMany((item, i) => GoldenParts.Guarded(golden, (item as JsonObject)?["tag"]?.ToString() ?? $"cases[{i}]", () => Run(golden, item as JsonObject ?? throw new FormatException("it is no object.")))),
            .. others.Select(part => GoldenResult.Skip(golden.Name, part.Key, "no check for this part")),
        ];
    }

    private static IEnumerable<GoldenResult> Run(GoldenCase golden, JsonObject item)
    {
        string tag = item.Text("tag");
        var sides = Sides.Where(side => golden.Has($"{tag}.features_{side}")).Select(side => (Side: side, Distribution: Distribution(golden, $"{tag}.features_{side}"))).ToArray();
        foreach (var result in sides.SelectMany(side => CompareStatistics(golden, tag, side.Side, side.Distribution)))
        {
            yield return result;
        }

        if (sides.Length == Sides.Length && item.ContainsKey("fd"))
        {
            yield return golden.CompareNumber($"{tag}.fd", FrechetDistance.Between(sides[0].Distribution, sides[1].Distribution), item.Number("fd"), DistanceTolerance);
        }

        if (sides.Length == 0)
        {
            yield return GoldenResult.Skip(golden.Name, tag, "no features were recorded");
        }
    }

    private static FeatureDistribution Distribution(GoldenCase golden, string name)
    {
        using var features = golden.Recorded(name).to(ScalarType.Float32);
        var statistics = new FeatureStatistics((int)features.shape[1]);
        statistics.Add(features.contiguous().data<float>().ToArray());
        return statistics.Distribution();
    }

    private static IEnumerable<GoldenResult> CompareStatistics(GoldenCase golden, string tag, string side, FeatureDistribution distribution)
    {
        if (golden.Has($"{tag}.mu_{side}"))
        {
            yield return golden.CompareScaled(torch.tensor(distribution.Mean), $"{tag}.mu_{side}", StatisticsTolerance);
        }

        if (golden.Has($"{tag}.sigma_{side}"))
        {
            int dimension = distribution.Mean.Length;
            yield return golden.CompareScaled(torch.tensor(distribution.Covariance.Cast<double>().ToArray()).reshape(dimension, dimension), $"{tag}.sigma_{side}", StatisticsTolerance);
        }
    }
}
