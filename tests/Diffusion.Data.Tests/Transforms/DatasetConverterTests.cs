using System.IO.Compression;
using System.Text.Json;

namespace Diffusion.Data.Tests.Transforms;

public sealed class DatasetConverterTests
{
    [Theory]
    [InlineData("dhariwal")]
    [InlineData("center_crop")]
    [InlineData("stretch")]
    [InlineData("wide")]
    public void Convert_GoldenFolder_EqualsReferenceToThePixel(string name)
    {
        using var directory = new TemporaryDirectory();
        JsonElement expected = Golden.Json("dataset_small/expected.json").GetProperty(name);
        ConversionResult result = DatasetConverter.Convert(OptionsOf(expected, directory["out.zip"]), null, CancellationToken.None);
        Assert.Equal((8, 0, 3), (result.Written, result.Dropped, result.LabelDim));

        using IImageSource source = ImageSources.Open(directory["out.zip"]);
        byte[] reference = Golden.Tensor<byte>("dataset_small/expected.safetensors", name);
        byte[] converted = [.. Enumerable.Range(0, source.Count).SelectMany(i => source.Read(i).Bytes)];
        int largest = reference.Zip(converted).Max(pair => Math.Abs(pair.First - pair.Second));
        Assert.True(reference.Length == converted.Length && largest == 0, $"{name}: largest difference {largest}.");
    }

    [Theory]
    [InlineData("dhariwal")]
    [InlineData("wide")]
    public void Convert_ToZip_HasTheReferencesEntries(string name)
    {
        using var directory = new TemporaryDirectory();
        JsonElement expected = Golden.Json("dataset_small/expected.json").GetProperty(name);
        DatasetConverter.Convert(OptionsOf(expected, directory["out.zip"]), null, CancellationToken.None);

        using ZipArchive archive = ZipFile.OpenRead(directory["out.zip"]);
        Assert.Equal(expected.GetProperty("entries").EnumerateArray().Select(entry => entry.GetString()), archive.Entries.Select(entry => entry.FullName));
        Assert.All(archive.Entries, entry => Assert.Equal(entry.Length, entry.CompressedLength));
        using JsonDocument labels = JsonDocument.Parse(archive.GetEntry("dataset.json")!.Open());
        Assert.True(JsonElement.DeepEquals(expected.GetProperty("dataset_json"), labels.RootElement));
    }

    [Fact]
    public void Convert_ToFolder_CanBeReadAgain()
    {
        using var directory = new TemporaryDirectory();
        var options = new ConversionOptions
        {
            Source = Golden.PathOf("dataset_small/src"),
            Destination = directory["out"],
            Resolution = (16, 16),
            MaxImages = 5,
        };
        DatasetConverter.Convert(options, null, CancellationToken.None);
        using IImageSource source = ImageSources.Open(directory["out"]);
        Assert.Equal(5, source.Count);
        Assert.Equal([0L, 0, 0, 1, 1], source.Labels.Classes.ToArray());
        Assert.Contains("empty", Assert.Throws<DatasetException>(() => DatasetConverter.Convert(options, null, CancellationToken.None)).Message);
    }

    [Fact]
    public void Convert_SmallImages_LeaveGapsInWideCrop()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("src/0.png", TestData.Png(new ImageShape(3, 40, 40), 0));
        directory.Write("src/1.png", TestData.Png(new ImageShape(3, 8, 8), 1));
        directory.Write("src/2.png", TestData.Png(new ImageShape(1, 40, 64), 2));
        ConversionResult result = DatasetConverter.Convert(
            new ConversionOptions { Source = directory["src"], Destination = directory["out.zip"], Transform = TransformMode.CenterCropWide, Resolution = (16, 8) }, null, CancellationToken.None);
        Assert.Equal((2, 1), (result.Written, result.Dropped));
        using IImageSource source = ImageSources.Open(directory["out.zip"]);
        Assert.Equal(["00000/img00000000.png", "00000/img00000002.png"], Enumerable.Range(0, 2).Select(source.NameOf));
        Assert.Equal(LabelKind.None, source.Labels.Kind);
    }

    [Fact]
    public void Convert_OddSize_NamesTheRemedy()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("src/0.png", TestData.Png(new ImageShape(3, 20, 20), 0));
        var options = new ConversionOptions { Source = directory["src"], Destination = directory["out.zip"] };
        Assert.Contains("--resolution", Assert.Throws<DatasetException>(() => DatasetConverter.Convert(options, null, CancellationToken.None)).Message);
        Assert.Equal(["src"], Directory.GetFileSystemEntries(directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Convert_KeepGrey_WritesOneChannel()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("src/0.png", TestData.Png(new ImageShape(1, 16, 16), 0));
        ConversionResult grey = DatasetConverter.Convert(new ConversionOptions { Source = directory["src"], Destination = directory["grey.zip"], KeepGrey = true }, null, CancellationToken.None);
        ConversionResult rgb = DatasetConverter.Convert(new ConversionOptions { Source = directory["src"], Destination = directory["rgb.zip"] }, null, CancellationToken.None);
        Assert.Equal((1, 3), (grey.Shape.Channels, rgb.Shape.Channels));
    }

    [Fact]
    public void Convert_CropWithoutResolution_IsRefused()
    {
        var options = new ConversionOptions { Source = "a", Destination = "b", Transform = TransformMode.CenterCrop, MaxImages = 0 };
        Assert.Equal(2, options.Problems().Count());
        Assert.Throws<DatasetException>(() => DatasetConverter.Convert(options, null, CancellationToken.None));
    }

    [Theory]
    [InlineData("512x256")]
    [InlineData("512,256")]
    public void ParseResolution_BothForms_AreRead(string text) => Assert.Equal((512, 256), ConversionOptions.ParseResolution(text));

    [Theory]
    [InlineData("512")]
    [InlineData("-1x4")]
    [InlineData("axb")]
    public void ParseResolution_Other_IsRefused(string text) => Assert.Throws<FormatException>(() => ConversionOptions.ParseResolution(text));

    private static ConversionOptions OptionsOf(JsonElement expected, string destination)
    {
        string[] args = [.. expected.GetProperty("args").EnumerateArray().Select(arg => arg.GetString()!)];
        int transform = Array.IndexOf(args, "--transform");
        return new ConversionOptions
        {
            Source = Golden.PathOf("dataset_small/src"),
            Destination = destination,
            Resolution = ConversionOptions.ParseResolution(args[Array.IndexOf(args, "--resolution") + 1]),
            Transform = ConversionOptions.ParseTransform(transform < 0 ? null : args[transform + 1]),
        };
    }
}
