using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Charts;
using Diffusion.Evaluation.Sweeps;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Evaluation.Tests.Sweeps;

public sealed class SweepChartsTests : IDisposable
{
    private static readonly double[] Lengths = [0.015, 0.025, 0.04, 0.06, 0.09, 0.14, 0.2, 0.25];
    private static readonly string? Kept = Environment.GetEnvironmentVariable("DIFFUSION_KEEP_CHARTS");

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Curves_TimesOfOneGroup_AreOneCurveEachWithItsFittedMinimum()
    {
        var chart = SweepCharts.Curves(Group(), "shapes-16: Fréchet distance over EMA length");

        Assert.Equal(["2.0 kimg", "4.1 kimg", "8.2 kimg"], chart.Series.Select(s => s.Name));
        Assert.All(chart.Series, s => Assert.Equal(Lengths, s.Points.Select(p => p.X)));
        Assert.All(chart.Series, s => Assert.InRange(Math.Log(s.Minimum!.X / BestOf(s.Name)), -0.12, 0.12));
        Assert.All(chart.Series, s => Assert.InRange(BestOf(s.Name), s.Minimum!.Low * 0.98, s.Minimum!.High * 1.02));
        Save(chart.Save, "sweep");
    }

    [Fact]
    public void Map_NotEverythingMeasured_LeavesThatOpen()
    {
        var map = SweepCharts.Map(ScoreGroup.Of(Scores().Skip(3)).Single(), "shapes-16: Fréchet distance over EMA length and time");

        Assert.Equal((8, 3), (map.Columns.Count, map.Rows.Count));
        Assert.True(double.IsNaN(map.Values[0][2]));
        Assert.Equal("0.015", map.Columns[0]);
        Save(map.Save, "sweep-map");
    }

    [Fact]
    public void Curves_OverGuidance_AreNamedByWeight()
    {
        var scores = Scores().Where(s => s.ImagesSeen == 2048).SelectMany(s => new[] { 1.0, 1.5 }.Select(w => s with { Settings = s.Settings.With("guidance", w), GuideHash = "guide", Value = s.Value - w }));

        Assert.Equal(["1", "1.5"], SweepCharts.Curves(ScoreGroup.Of(scores, overGuidance: true).Single(), "", overGuidance: true).Series.Select(s => s.Name));
    }

    [Fact]
    public void Estimate_FourLengths_SaysNothing() => Assert.Null(SweepCharts.Estimate([.. Group().Points.Where(p => p.ImagesSeen == 2048 && p.RelativeStd < 0.07)]));

    private static double BestOf(string name) => name switch { "2.0 kimg" => 0.1, "4.1 kimg" => 0.075, _ => 0.055 };

    private static ScoreGroup Group() => ScoreGroup.Of(Scores()).Single();

    private static IEnumerable<Score> Scores() => from time in new[] { (Images: 2048L, Best: 0.1, Low: 14.0), (4096, 0.075, 11), (8192, 0.055, 9) }
        from length in Lengths
        let away = Math.Log(length / time.Best)
        select new Score
        {
            Metric = MetricNames.Frechet,
            Value = time.Low + (1.4 * away * away) + (0.25 * away * away * away) + (0.03 * Math.Sin(1000 * length)),
            StandardError = 0.25,
            Count = 2000,
            ReferenceHash = "7c3e9a12",
            Features = new FeatureSpace("labels", "5d1ced00", "uint8", 64),
            Settings = ComponentConfig.Of("edm2-heun", ("steps", 18), ("guidance", 1)),
            RunId = "r",
            ImagesSeen = time.Images,
            RelativeStd = length,
            MeasuredAt = DateTimeOffset.UnixEpoch,
        };

    private void Save(Action<string> save, string name)
    {
        foreach (string ending in new[] { ".png", ".svg" })
        {
            save(folder.In(name + ending));
            Assert.True(new FileInfo(folder.In(name + ending)).Length > 1000);
            if (Kept is not null)
            {
                File.Copy(folder.In(name + ending), Path.Combine(Kept, name + ending), overwrite: true);
            }
        }
    }
}
