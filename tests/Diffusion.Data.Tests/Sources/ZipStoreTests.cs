using System.IO.Compression;
using System.Text;

namespace Diffusion.Data.Tests.Sources;

public sealed class ZipStoreTests
{
    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void Read_EveryEntry_EqualsFrameworkArchive(CompressionLevel level)
    {
        using var directory = new TemporaryDirectory();
        string path = Write(directory, level, ("b/2.txt", "two"), ("a/1.txt", new string('x', 5000)), ("empty.txt", ""), ("ümlaut.txt", "ü"));
        using var store = new ZipStore(path);
        Assert.Equal(["a/1.txt", "b/2.txt", "empty.txt", "ümlaut.txt"], store.Names);
        using ZipArchive twin = ZipFile.OpenRead(path);
        foreach (string name in store.Names)
        {
            using var reader = new StreamReader(twin.GetEntry(name)!.Open());
            Assert.Equal(reader.ReadToEnd(), Encoding.UTF8.GetString(store.Read(name)));
        }
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../b.png")]
    [InlineData("..\\b.png")]
    [InlineData("a//b.png")]
    public void Open_NameOutsideTheArchive_IsRefused(string name)
    {
        using var directory = new TemporaryDirectory();
        string path = Write(directory, CompressionLevel.NoCompression, (name, "x"));
        Assert.Contains("outside", Assert.Throws<DatasetException>(() => new ZipStore(path).Dispose()).Message);
    }

    [Fact]
    public void Open_AnyTruncation_IsRefusedOrReadsWhole()
    {
        using var directory = new TemporaryDirectory();
        byte[] whole = File.ReadAllBytes(Write(directory, CompressionLevel.Optimal, ("a.txt", "hello"), ("b.txt", new string('y', 300))));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = directory.Write("cut.zip", whole.AsSpan(0, length));
            Assert.Contains("cut.zip", Assert.Throws<DatasetException>(() => new ZipStore(path).Dispose()).Message);
        }
    }

    // Every byte of the file is either covered by a check or without meaning for the content.
    [Fact]
    public void Read_AnyFlippedByte_IsRefusedOrHarmless()
    {
        using var directory = new TemporaryDirectory();
        byte[] whole = File.ReadAllBytes(Write(directory, CompressionLevel.Optimal, ("a.txt", "hello")));
        for (int position = 0; position < whole.Length; position++)
        {
            byte[] damaged = [.. whole];
            damaged[position] ^= 0xff;
            string path = directory.Write("damaged.zip", damaged);
            try
            {
                using var store = new ZipStore(path);
                Assert.True(store.Names.Count <= 1);
                foreach (string name in store.Names)
                {
                    Assert.Equal("hello", Encoding.UTF8.GetString(store.Read(name)));
                }
            }
            catch (DatasetException e)
            {
                Assert.Contains("damaged.zip", e.Message);
            }
        }
    }

    [Fact]
    public void Open_WideDirectory_IsRead()
    {
        using var directory = new TemporaryDirectory();
        string path = Write(directory, CompressionLevel.NoCompression, [.. Enumerable.Range(0, 66000).Select(i => ($"{i:D5}.txt", "x"))]);
        using var store = new ZipStore(path);
        Assert.Equal(66000, store.Names.Count);
        Assert.Equal("x"u8.ToArray(), store.Read("65999.txt"));
    }

    private static string Write(TemporaryDirectory directory, CompressionLevel level, params (string Name, string Content)[] entries)
    {
        string path = directory["archive.zip"];
        using ZipArchive archive = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach ((string name, string content) in entries)
        {
            using Stream entry = archive.CreateEntry(name, level).Open();
            entry.Write(Encoding.UTF8.GetBytes(content));
        }

        return path;
    }
}
