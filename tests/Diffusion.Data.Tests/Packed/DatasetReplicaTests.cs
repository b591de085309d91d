using System.Text;
using System.Text.Json.Nodes;

namespace Diffusion.Data.Tests.Packed;

public sealed class DatasetReplicaTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly string original;
    private readonly PackedContents contents;
    private readonly List<(string Name, long Offset)> reads = [];

    public DatasetReplicaTests()
    {
        TestData.WriteFolder(directory, new ImageShape(3, 4, 4), "data/a/0.png", "data/a/1.png", "data/b/0.png");
        using PackedDataset dataset = new DatasetCache(directory["cache"]).Open(directory["data"], null, CancellationToken.None);
        original = dataset.Directory;
        contents = PackedContents.Parse(PackedContents.Of(original).ToJson(), "a test");
    }

    private string Copies => directory["copies"];

    private string Copy => Path.Combine(Copies, contents.Digest);

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task OpenAsync_NothingHere_FetchesEveryFileAndHasTheDigest()
    {
        using PackedDataset copy = await OpenAsync(Read);
        Assert.Equal(contents.Digest, copy.Digest);
        Assert.Equal([.. contents.Files.Select(file => (file.Name, 0L))], reads);
        Assert.Equal(File.ReadAllBytes(Path.Combine(original, "images-00000.bin")), File.ReadAllBytes(Path.Combine(copy.Directory, "images-00000.bin")));
    }

    [Fact]
    public async Task OpenAsync_Again_FetchesNothing()
    {
        (await OpenAsync(Read)).Dispose();
        reads.Clear();
        (await OpenAsync(Read)).Dispose();
        Assert.Empty(reads);
    }

    [Fact]
    public async Task OpenAsync_AfterACrashInTheMiddle_GoesOnWhereItWas()
    {
        await Assert.ThrowsAsync<EndOfStreamException>(() => OpenAsync((file, offset, sink, _) =>
        {
            sink(Bytes(file).AsMemory(0, 100));
            throw new EndOfStreamException();
        }));
        Assert.False(PackedDataset.IsAt(Copy));

        (await OpenAsync(Read)).Dispose();
        Assert.Equal(("images-00000.bin", 100), reads[0]);
    }

    [Fact]
    public async Task OpenAsync_PartialFileIsDamaged_IsFetchedFromTheStart()
    {
        Directory.CreateDirectory(Copy);
        File.WriteAllBytes(Path.Combine(Copy, "images-00000.bin.partial"), new byte[50]);
        (await OpenAsync(Read)).Dispose();
        Assert.Equal([("images-00000.bin", 50), ("images-00000.bin", 0), ("labels.bin", 0)], reads);
    }

    [Fact]
    public async Task OpenAsync_FlippedByteInTheCache_IsNoticedAndOnlyThatFileFetchedAgain()
    {
        (await OpenAsync(Read)).Dispose();
        reads.Clear();
        string damaged = Path.Combine(Copy, "images-00000.bin");
        byte[] bytes = File.ReadAllBytes(damaged);
        bytes[7] ^= 1;
        File.WriteAllBytes(damaged, bytes);

        using PackedDataset copy = await OpenAsync(Read);
        copy.Verify(null, CancellationToken.None);
        Assert.Equal([("images-00000.bin", 0L)], reads);
    }

    [Fact]
    public async Task OpenAsync_OriginalIsDamaged_NeverBecomesADataSet()
    {
        DatasetException error = await Assert.ThrowsAsync<DatasetException>(() => OpenAsync((file, offset, sink, token) =>
        {
            byte[] bytes = Bytes(file);
            bytes[0] ^= 1;
            sink(bytes.AsMemory((int)offset));
            return Task.CompletedTask;
        }));
        Assert.Contains("the original is damaged", error.Message, StringComparison.Ordinal);
        Assert.False(PackedDataset.IsAt(Copy));
        Assert.False(File.Exists(Path.Combine(Copy, "images-00000.bin")));
    }

    [Fact]
    public async Task OpenAsync_TwoAtOnce_FetchOnce()
    {
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => OpenAsync(Read))));
        Assert.All(both, copy => copy.Dispose());
        Assert.Equal(contents.Files.Count, reads.Count);
    }

    [Fact]
    public async Task OpenAsync_DiskTooSmall_SaysWhatIsNeededAndFetchesNothing()
    {
        JsonNode manifest = JsonNode.Parse(contents.ToJson())!;
        manifest["files"]![0]!["bytes"] = 1L << 60;
        var huge = PackedContents.Parse(Encoding.UTF8.GetBytes(manifest.ToJsonString()), "a test");
        DatasetException error = await Assert.ThrowsAsync<DatasetException>(() => DatasetReplica.OpenAsync(Copies, huge, Read, null, CancellationToken.None));
        Assert.Contains("needs 115292150460684", error.Message, StringComparison.Ordinal);
        Assert.Contains("--cache-dir", error.Message, StringComparison.Ordinal);
        Assert.Empty(reads);
    }

    [Theory]
    [InlineData("../images.bin")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData(".hidden")]
    [InlineData("a/b")]
    [InlineData("manifest.json")]
    [InlineData("")]
    public void Parse_NameThatIsNoPlainFileName_IsRefused(string name)
    {
        JsonNode manifest = JsonNode.Parse(contents.ToJson())!;
        manifest["files"]![0]!["name"] = name;
        DatasetException error = Assert.Throws<DatasetException>(() => PackedContents.Parse(Encoding.UTF8.GetBytes(manifest.ToJsonString()), "a test"));
        Assert.Contains("not a plain file name", error.Message, StringComparison.Ordinal);
    }

    private Task<PackedDataset> OpenAsync(PackedFileReader read) => DatasetReplica.OpenAsync(Copies, contents, read, null, CancellationToken.None);

    private Task Read(PackedFile file, long offset, Action<ReadOnlyMemory<byte>> sink, CancellationToken cancellationToken)
    {
        lock (reads)
        {
            reads.Add((file.Name, offset));
        }

        sink(Bytes(file).AsMemory((int)offset));
        return Task.CompletedTask;
    }

    private byte[] Bytes(PackedFile file) => File.ReadAllBytes(Path.Combine(original, file.Name));
}
