using System.Buffers.Binary;
using Diffusion.Evaluation.Charts;

namespace Diffusion.Evaluation.Tests.Charts;

public sealed class HeatMapTests : IDisposable
{
    private static readonly string? Kept = Environment.GetEnvironmentVariable("DIFFUSION_KEEP_CHARTS");

    private readonly TemporaryFolder folder = new();

    internal static HeatMap Map => new()
    {
        Title = "shapes-16: Fréchet distance over EMA length and time",
        Subtitle = "n = 2,000, features trained on the data set's labels, 16 steps",
        XLabel = "EMA length σ_{rel}",
        YLabel = "snapshot time (kimg)",
        ColorLabel = "Fréchet distance",
        Columns = ["0.01", "0.02", "0.03", "0.05", "0.07", "0.10", "0.15", "0.20", "0.25"],
        Rows = ["65.5", "131", "196", "262"],
        Values = [.. Enumerable.Range(0, 4).Select(r => Enumerable.Range(0, 9).Select(c => r == 0 && c == 8 ? double.NaN : 3.1 + (0.11 * Math.Pow(c - 3 - (0.7 * r), 2)) + (0.9 * (3 - r))).ToArray())],
        MarkMinimum = true,
    };

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.png")]
    [InlineData("a.svg")]
    public void Save_EitherFormat_IsAWholePicture(string name)
    {
        Map.Save(folder.In(name));
        new LineChart
        {
            Title = "shapes-16: Fréchet distance over EMA length",
            Subtitle = "n = 2,000; bars: standard error",
            XLabel = "EMA length σ_{rel}",
            YLabel = "Fréchet distance",
            XScale = ChartScale.Logarithmic,
            MarkMinimum = true,
            Series = [.. Enumerable.Range(0, 4).Select(r => new ChartSeries($"{Map.Rows[r]} kimg", [.. Enumerable.Range(0, 9).Where(c => double.IsFinite(Map.Values[r][c])).Select(c => new ChartPoint(double.Parse(Map.Columns[c], System.Globalization.CultureInfo.InvariantCulture), Map.Values[r][c], 0.12))]))],
        }.Save(folder.In("line-" + name));

        byte[] file = File.ReadAllBytes(folder.In(name));
        if (name.EndsWith("png", StringComparison.Ordinal))
        {
            Assert.Equal((1120, 720), (BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)), BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20))));
        }
        else
        {
            Assert.Contains("<svg", System.Text.Encoding.UTF8.GetString(file));
        }

        if (Kept is not null)
        {
            foreach (string path in Directory.EnumerateFiles(folder.Path))
            {
                File.Copy(path, Path.Combine(Kept, Path.GetFileName(path)), overwrite: true);
            }
        }
    }

    [Fact]
    public void Save_TableThatDoesNotFit_IsRefused()
    {
        Assert.Contains("2 rows and 9 columns", Assert.Throws<ArgumentException>(() => (Map with { Rows = ["a", "b"] }).Save(folder.In("a.png"))).Message);
        Assert.Contains("at least one number", Assert.Throws<ArgumentException>(() => (Map with { Rows = ["a"], Columns = ["b"], Values = [[double.NaN]] }).Save(folder.In("a.png"))).Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void At_Ramp_RisesInLightness()
    {
        double[] luma = [.. Enumerable.Range(0, 33).Select(i => ColorRamp.At(i / 32.0)).Select(c => (0.299 * c.Red) + (0.587 * c.Green) + (0.114 * c.Blue))];

        Assert.All(luma.Zip(luma.Skip(1)), p => Assert.True(p.Second > p.First));
    }
}
