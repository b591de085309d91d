using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Snapshots.Tests.Scores;

public sealed class ScoreTests
{
    private static readonly Score One = Samples.Score();

    public static TheoryData<string, Score> Incomparable => new()
    {
        { "metric", One with { Metric = MetricNames.Kernel } },
        { "n", One with { Count = 999 } },
        { "reference", One with { ReferenceHash = new string('0', 64) } },
        { "features", One with { Features = One.Features! with { Hash = new string('0', 64) } } },
        { "input", One with { Features = One.Features! with { Input = "uint8" } } },
        { "no features", One with { Features = null } },
        { "steps", One with { Settings = One.Settings.With("steps", 17) } },
        { "sampler", One with { Settings = One.Settings with { Kind = "other" } } },
        { "guidance", One with { Settings = One.Settings.With("guidance", 1.5) } },
    };

    [Theory]
    [MemberData(nameof(Incomparable))]
    public void ComparableKey_OtherConditions_Differs(string what, Score other) => Assert.True(One.ComparableKey != other.ComparableKey, what);

    [Fact]
    public void ComparableKey_OtherNetworkOrSeeds_IsTheSame() =>
        Assert.Equal(One.ComparableKey, (One with { RunId = "run-2", ImagesSeen = 1, RelativeStd = 0.2, FirstSeed = 0, Value = 9, WeightsHash = null }).ComparableKey);

    [Fact]
    public void ComparableKey_SettingsInAnotherOrderAndNotation_IsTheSame() =>
        Assert.Equal(One.ComparableKey, (One with { Settings = ComponentConfig.Of("edm2-heun", ("guidance", JsonNode.Parse("1")), ("steps", 16.0)) }).ComparableKey);

    [Fact]
    public void ComparableKeyOverGuidance_OtherWeightSameGuide_IsTheSame()
    {
        var guided = One with { GuideHash = "g", Settings = One.Settings.With("guidance", 1.5) };

        Assert.NotEqual(One.ComparableKey, guided.ComparableKey);
        Assert.Equal((One with { GuideHash = "g" }).ComparableKeyOverGuidance, guided.ComparableKeyOverGuidance);
        Assert.Equal(One.ComparableKey, (One with { GuideHash = "g" }).ComparableKey);
    }

    [Fact]
    public void Groups_RepeatedSeeds_AreOnePointWithASmallerError()
    {
        var groups = ScoreGroup.Of([One, One with { FirstSeed = 0, Value = 4.5 }, One with { RelativeStd = 0.2, Value = 1 }, One with { Count = 50 }]);

        Assert.Equal(2, groups.Count);
        Assert.Equal([1.0, 4.0], groups[0].Points.Select(p => p.Value));
        Assert.Equal(0.25 / Math.Sqrt(2), groups[0].Points[1].StandardError!.Value, 12);
        Assert.Equal([0, 5000], groups[0].Points[1].Scores.Select(s => s.FirstSeed));
    }

    [Fact]
    public void Interval_IsTwoSided95Percent()
    {
        Assert.Equal(3.5 - (1.959964 * 0.25), One.Interval!.Value.Low, 6);
        Assert.Null((One with { StandardError = null }).Interval);
        Assert.Equal(0.4, One.Bias!.Value, 12);
        Assert.Equal(5999, One.LastSeed);
    }
}
