namespace Diffusion.Data.Tests.Sources;

public sealed class FileImageSourceTests
{
    private static readonly ImageShape Shape = new(3, 4, 4);

    [Fact]
    public void Open_ClassFolders_NumbersThemInOrder()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, Shape, "dog/1.png", "cat/sub/1.png", "cat/2.png", "ant/9.PNG");
        directory.Write("readme.txt", "hello"u8);
        using IImageSource source = ImageSources.Open(directory.Path);
        Assert.Equal(["ant/9.PNG", "cat/2.png", "cat/sub/1.png", "dog/1.png"], Enumerable.Range(0, 4).Select(source.NameOf));
        Assert.Equal([0L, 1, 1, 2], source.Labels.Classes.ToArray());
        Assert.Equal(["ant", "cat", "dog"], source.Labels.ClassNames);
    }

    [Fact]
    public void Open_OneFolder_HasNoLabels()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, Shape, "all/1.png", "all/2.png");
        using IImageSource source = ImageSources.Open(directory.Path);
        Assert.Equal((LabelKind.None, 0), (source.Labels.Kind, source.Labels.Dimension));
    }

    [Fact]
    public void Open_ToolsNumberedFolders_AreNoClasses()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, Shape, "00000/img00000001.png", "00001/img00001000.png");
        using IImageSource source = ImageSources.Open(directory.Path);
        Assert.Equal(LabelKind.None, source.Labels.Kind);
    }

    [Fact]
    public void Open_VectorLabels_AreDeliveredAsTheyAre()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, Shape, "a.png", "b.png");
        directory.Write("dataset.json", """{"labels": [["b.png", [1, 2.5]], ["a.png", [-1, 0]]]}"""u8);
        using IImageSource source = ImageSources.Open(directory.Path);
        float[] label = new float[2];
        source.Labels.CopyTo(1, label);
        Assert.Equal((LabelKind.Vector, 2), (source.Labels.Kind, source.Labels.Dimension));
        Assert.Equal([1, 2.5f], label);
    }

    [Fact]
    public void Open_NullLabels_OverrideFolders()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, Shape, "a/1.png", "b/1.png");
        directory.Write("dataset.json", """{"labels": null}"""u8);
        using IImageSource source = ImageSources.Open(directory.Path);
        Assert.Equal(LabelKind.None, source.Labels.Kind);
    }

    [Theory]
    [InlineData("""{"labels": [["a.png", 0]]}""", "b.png")]
    [InlineData("""{"labels": [["a.png", 0], ["b.png", -1]]}""", "-1")]
    [InlineData("""{"labels": [["a.png", 0], ["b.png", 999999999]]}""", "999999999")]
    [InlineData("""{"labels": [["a.png", 0], ["b.png", 1.5]]}""", "1.5")]
    [InlineData("""{"labels": [["a.png", 0], ["b.png", [1]]]}""", "integer")]
    [InlineData("""{"labels": [["a.png", [1, 2]], ["b.png", [1]]]}""", "list of 2")]
    [InlineData("""{"labels": [["a.png", []], ["b.png", []]]}""", "empty")]
    [InlineData("""{"labels": {"a.png": 0}}""", "form")]
    [InlineData("""{"labels": [["a.png"]]}""", "form")]
    [InlineData("""{"labels": [[""", "form")]
    public void Open_UnfitLabelFile_SaysWhy(string json, string expected)
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, Shape, "a.png", "b.png");
        directory.Write("dataset.json", System.Text.Encoding.UTF8.GetBytes(json));
        Assert.Contains(expected, Assert.Throws<DatasetException>(() => ImageSources.Open(directory.Path).Dispose()).Message);
    }

    [Fact]
    public void Open_OnlyOtherFiles_SaysWhatIsRead()
    {
        using var directory = new TemporaryDirectory();
        directory.Write("notes.txt", "x"u8);
        Assert.Contains(".png", Assert.Throws<DatasetException>(() => ImageSources.Open(directory.Path).Dispose()).Message);
    }

    [Fact]
    public void Open_UnreadableImageFormat_IsNotSkippedSilently()
    {
        using var directory = new TemporaryDirectory();
        TestData.WriteFolder(directory, Shape, "a.png");
        directory.Write("b.webp", "x"u8);
        Assert.Contains("b.webp", Assert.Throws<DatasetException>(() => ImageSources.Open(directory.Path).Dispose()).Message);
    }

    [Fact]
    public void Open_UnknownFile_SaysWhatIsUnderstood()
    {
        using var directory = new TemporaryDirectory();
        string path = directory.Write("data.rar", "x"u8);
        Assert.Contains("data.rar", Assert.Throws<DatasetException>(() => ImageSources.Open(path).Dispose()).Message);
    }

    [Theory]
    [InlineData("empty.png", "empty")]
    [InlineData("empty.npy", "empty")]
    public void Read_EmptyFile_SaysSo(string name, string expected)
    {
        using var directory = new TemporaryDirectory();
        directory.Write(name, []);
        using IImageSource source = ImageSources.Open(directory.Path);
        Assert.Contains(expected, Assert.Throws<DatasetException>(() => source.Read(0)).Message);
    }

    [Theory]
    [InlineData(3, 4, 8, "square")]
    [InlineData(3, 8, 8, "alike")]
    [InlineData(1, 4, 4, "alike")]
    public void Build_UnfitImage_NamesItAndTheRemedy(int channels, int height, int width, string expected)
    {
        using var directory = new TemporaryDirectory();
        bool first = expected == "square";
        directory.Write("src/a.png", TestData.Png(first ? new ImageShape(channels, height, width) : Shape, 0));
        directory.Write("src/b.png", TestData.Png(first ? Shape : new ImageShape(channels, height, width), 1));
        DatasetException error = Assert.Throws<DatasetException>(() => new DatasetCache(directory["cache"]).Open(directory["src"], null, CancellationToken.None));
        Assert.Contains(expected, error.Message);
        Assert.Contains("--resolution", error.Message);
        Assert.Contains(first ? "a.png" : "b.png", error.Message);
    }

    [Fact]
    public void Names_BeyondTheBasicPlane_AreSortedByCodePoint()
    {
        // U+1F600 is above U+FF5E although its first UTF-16 unit is below.
        string[] names = ["\U0001F600.png", "\uFF5E.png", "a.png", "a"];
        Assert.Equal(["a", "a.png", "\uFF5E.png", "\U0001F600.png"], names.Order(CodePointOrder.Instance));
    }
}
