using System.Text.Json;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Journal;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Snapshots.Tests.Scores;

public sealed class ScoreCatalogueTests
{
    [Fact]
    public void Append_ThenRead_GivesEqualScores()
    {
        using var run = new TemporaryDirectory();
        var bare = Samples.Score(1, 0.2) with { StandardError = null, Extrapolated = null, Features = null, WeightsHash = null, GuideHash = "g", Metric = MetricNames.HeldOutLoss };

        ScoreCatalogue.Append(run.Root, [Samples.Score()]);
        ScoreCatalogue.Append(run.Root, [bare]);

        Assert.Equal([Samples.Score(), bare], ScoreCatalogue.Read(run.Root));
    }

    [Fact]
    public void Read_NoCatalogue_IsEmpty()
    {
        using var run = new TemporaryDirectory();

        Assert.Empty(ScoreCatalogue.Read(run.Root));
    }

    [Fact]
    public void Append_SameIdentityAgain_Replaces()
    {
        using var run = new TemporaryDirectory();
        ScoreCatalogue.Append(run.Root, [Samples.Score(1), Samples.Score(2, 0.2), Samples.Score(3)]);

        Assert.Equal([3.0, 2.0], ScoreCatalogue.Read(run.Root).Select(s => s.Value));
    }

    [Fact]
    public void Append_NotFinite_IsRefused()
    {
        using var run = new TemporaryDirectory();

        Assert.Contains("only finite", Assert.Throws<ArgumentException>(() => ScoreCatalogue.Append(run.Root, [Samples.Score(double.NaN)])).Message);
        Assert.Empty(run.Names);
    }

    [Fact]
    public void Append_SeveralAtOnce_AllArrive()
    {
        using var run = new TemporaryDirectory();

        Parallel.For(0, 20, i => ScoreCatalogue.Append(run.Root, [Samples.Score(i, 0.01 * (i + 1))]));

        Assert.Equal(Enumerable.Range(0, 20).Select(i => (double)i), ScoreCatalogue.Read(run.Root).Select(s => s.Value).Order());
    }

    [Fact]
    public void Append_NoDirectory_IsRefusedAtOnce() =>
        Assert.Throws<SaveFailedException>(() => ScoreCatalogue.Append(Path.Combine(Path.GetTempPath(), "no-such-run-of-scores"), [Samples.Score()]));

    [Fact]
    public void Read_ForeignRecord_SaysWhatItIs()
    {
        using var run = new TemporaryDirectory();
        using (var journal = JournalWriter.Open(ScoreCatalogue.PathIn(run.Root)))
        {
            journal.Append([0x92, 0x07, 0x01]);
        }

        Assert.Contains("version 7 with 2 fields", Assert.Throws<DamagedFileException>(() => ScoreCatalogue.Read(run.Root)).Message);
    }

    [Fact]
    public void Csv_EveryScore_IsALineOfTheNamedColumns()
    {
        string[] lines = ScoreExport.Csv([Samples.Score(), Samples.Score() with { Features = null }]).TrimEnd().Split("\r\n");

        Assert.Equal(3, lines.Length);
        Assert.StartsWith("comparable_key,run_id,images_seen,sigma_rel,metric,value,standard_error", lines[0]);
        Assert.Contains(",run-1,65536,0.1,fd,3.5,0.25,", lines[1]);
        Assert.Contains("\"{\"\"kind\"\":\"\"edm2-heun\"\"", lines[1]);
    }

    [Fact]
    public void Json_EveryScore_IsAnObjectWithItsSettings()
    {
        using var json = JsonDocument.Parse(ScoreExport.Json([Samples.Score() with { StandardError = null }]));
        var score = json.RootElement[0];

        Assert.Equal(3.5, score.GetProperty("value").GetDouble());
        Assert.Equal(16, score.GetProperty("settings").GetProperty("steps").GetInt32());
        Assert.Equal(JsonValueKind.Null, score.GetProperty("interval_low").ValueKind);
    }
}
