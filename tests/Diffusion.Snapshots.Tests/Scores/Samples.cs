using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Snapshots.Tests.Scores;

internal static class Samples
{
    public static Score Score(double value = 3.5, double length = 0.1) => new()
    {
        Metric = MetricNames.Frechet,
        Value = value,
        StandardError = 0.25,
        Count = 1000,
        Extrapolated = 3.1,
        FirstSeed = 5000,
        ReferenceHash = new string('a', 64),
        Features = new FeatureSpace("shapes", new string('b', 64), "signed", 64),
        Settings = ComponentConfig.Of("edm2-heun", ("steps", 16), ("guidance", 1.0)),
        RunId = "run-1",
        ImagesSeen = 65536,
        RelativeStd = length,
        WeightsHash = new string('c', 64),
        MeasuredAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2)),
    };
}
