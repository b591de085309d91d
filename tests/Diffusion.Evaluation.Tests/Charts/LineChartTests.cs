using System.Buffers.Binary;
using System.Xml.Linq;
using Diffusion.Data;
using Diffusion.Evaluation.Charts;

namespace Diffusion.Evaluation.Tests.Charts;

public sealed class LineChartTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private static LineChart Chart => new()
    {
        Title = "Loss",
        Subtitle = "of something",
        XLabel = "σ_{rel}",
        YLabel = "loss",
        XScale = ChartScale.Logarithmic,
        MarkMinimum = true,
        Series = [new ChartSeries("a", [new(0.02, 0.5, 0.01), new(0.1, 0.4, 0.01), new(0.25, 0.45)])],
    };

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Save_Png_IsAPictureOfTwoPixelsPerPoint()
    {
        Chart.Save(folder.In("a.png"));

        byte[] file = File.ReadAllBytes(folder.In("a.png"));
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], file[..4]);
        Assert.Equal(1040, BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)));
        Assert.Equal(720, BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20)));
    }

    [Fact]
    public void Save_Png_MarksTheMinimumInTheSeriesColour()
    {
        Chart.Save(folder.In("a.png"));

        // The ring around the minimum: blue pixels six points left of it, where the curve itself does not pass... found anywhere in the lower half.
        using var images = ImageSources.Open(folder.Path);
        var picture = images.Read(0);
        byte[] pixels = picture.Bytes;
        int plane = picture.Shape.Height * picture.Shape.Width;
        int blue = Enumerable.Range(plane / 2, plane / 2).Count(i => pixels[i] < 30 && pixels[i + plane] is > 90 and < 140 && pixels[i + (2 * plane)] > 150);
        Assert.True(blue > 100, $"{blue} pixels of the curve's colour in the lower half");
    }

    [Fact]
    public void Save_Svg_IsXmlOfTheRightSize()
    {
        Chart.Save(folder.In("a.svg"));

        var root = XDocument.Load(folder.In("a.svg")).Root!;
        Assert.Equal("svg", root.Name.LocalName);
        Assert.StartsWith("520", root.Attribute("width")!.Value);
        Assert.True(root.Descendants().Count() > 50);
    }

    [Fact]
    public void Save_AnotherEnding_IsRefused() => Assert.Contains(".pdf", Assert.Throws<ArgumentException>(() => Chart.Save(folder.In("a.pdf"))).Message);

    [Fact]
    public void Save_NoSuchFolder_FailsAndLeavesNothing()
    {
        Assert.Throws<IOException>(() => Chart.Save(folder.In("missing/a.svg")));

        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Save_Overwrites_WithoutLeftovers()
    {
        Chart.Save(folder.In("a.png"));
        Chart.Save(folder.In("a.png"));

        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Save_ValueNotFinite_IsRefusedWithItsCurve(double value)
    {
        var chart = Chart with { Series = [new ChartSeries("broken", [new(0.1, value)])] };

        Assert.Contains("'broken'", Assert.Throws<ArgumentException>(() => chart.Save(folder.In("a.png"))).Message);
    }

    [Fact]
    public void Save_OnePointOnly_IsDrawn()
    {
        (Chart with { Series = [new ChartSeries("one", [new(0.1, 0.4)])] }).Save(folder.In("a.png"));

        Assert.True(File.Exists(folder.In("a.png")));
    }

    [Fact]
    public void Save_LogarithmicAxisWithZero_IsRefused()
    {
        var chart = Chart with { Series = [new ChartSeries("a", [new(0, 1), new(1, 2)])] };

        Assert.Contains("positive", Assert.Throws<ArgumentException>(() => chart.Save(folder.In("a.png"))).Message);
    }
}
