using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Catalogue;

public sealed class SnapshotCatalogueTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void FileName_GoldenNames_MatchAndParseBack()
    {
        foreach (var item in GoldenFiles.Json("schedules.json").GetProperty("snapshot_names").EnumerateArray())
        {
            long images = item.GetProperty("nimg").GetInt64();
            double std = item.GetProperty("std").GetDouble();
            string expected = Path.ChangeExtension(item.GetProperty("name").GetString()!, ".safetensors");
            Assert.Equal(expected, SnapshotName.For(SnapshotName.Training, images, std).FileName);
            Assert.True(SnapshotName.TryParse("/some/where/" + expected, out var name));
            Assert.Equal((SnapshotName.Training, images, std), (name.Prefix, name.ImagesSeen, name.RelativeStd));
        }
    }

    [Fact]
    public void ImagesSeen_GoldenThousands_Match()
    {
        foreach (var item in GoldenFiles.Json("schedules.json").GetProperty("kimg_to_nimg").EnumerateArray())
        {
            Assert.Equal(item.GetProperty("nimg").GetInt64(), new SnapshotName("x", item.GetProperty("kimg").GetInt64(), 0.1).ImagesSeen);
        }
    }

    [Theory]
    [InlineData("network-snapshot-0000001.safetensors")]
    [InlineData("network-snapshot-0000001-0.05.pkl")]
    [InlineData(".network-snapshot-0000001-0.05.safetensors")]
    [InlineData("a-1-5.safetensors")]
    [InlineData("a-99999999999999999999999-0.5.safetensors")]
    public void TryParse_OtherNames_AreRefused(string name) => Assert.False(SnapshotName.TryParse(name, out _));

    [Fact]
    public void Write_TwoSnapshots_AreCataloguedAndVerify()
    {
        using (var catalogue = SnapshotCatalogue.Open(directory.Root))
        {
            Write(catalogue, 2048, 0.1, 1);
            Write(catalogue, 2048, 0.05, 2);
        }

        using var read = SnapshotCatalogue.Read(directory.Root);
        Assert.Equal([0.05, 0.1], read.Entries.Select(entry => entry.RelativeStd));
        Assert.All(read.Entries, entry => read.Verify(entry));
        Assert.False(read.IsTailCut);
        Assert.Throws<InvalidOperationException>(() => read.Add(read.Entries[0]));

        using var file = SafetensorsFile.Open(directory[read.Entries[1].File]);
        var info = SnapshotInfo.Read(file);
        Assert.Equal(("run-1", 2048L, 0.1, "{\"a\":1}"), (info.RunId, info.ImagesSeen, info.RelativeStd, info.Config));
        Assert.Equal(["net.freqs"], info.Buffers);
        Assert.Equal([1, 2, 3, 1], file.Float32("net.weight"));
        Assert.Equal(ElementType.Float16, file.Entry("net.weight").ElementType);
    }

    [Fact]
    public void Verify_FlippedByte_NamesFileAndRemedy()
    {
        using var catalogue = SnapshotCatalogue.Open(directory.Root);
        var entry = Write(catalogue, 2048, 0.1, 1);
        byte[] bytes = File.ReadAllBytes(directory[entry.File]);
        bytes[^3] ^= 1;
        File.WriteAllBytes(directory[entry.File], bytes);
        var failure = Assert.Throws<DamagedFileException>(() => catalogue.Verify(entry));
        Assert.Contains(entry.File, failure.Message, StringComparison.Ordinal);
        Assert.Contains("use an older one", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_WholeFileOfAnotherTraining_IsRefused()
    {
        using var catalogue = SnapshotCatalogue.Open(directory.Root);
        var entry = Write(catalogue, 2048, 0.1, 1);
        Write(null, 2048, 0.1, 9);
        Assert.Contains("not the file that was catalogued", Assert.Throws<DamagedFileException>(() => catalogue.Verify(entry)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reconcile_FileWithoutEntryAndEntryWithoutFile_AreReported()
    {
        using var catalogue = SnapshotCatalogue.Open(directory.Root);
        var gone = Write(catalogue, 2048, 0.1, 1);
        Write(null, 4096, 0.1, 2);
        Write(null, 6144, 0.1, 3);
        File.Delete(directory[gone.File]);
        Cut(directory["network-snapshot-0000006-0.100.safetensors"]);
        var report = catalogue.Reconcile();
        Assert.Equal([4096], report.Added.Select(entry => entry.ImagesSeen));
        Assert.Equal([gone], report.Missing);
        Assert.Contains("0000006", Assert.Single(report.Damaged).Message, StringComparison.Ordinal);
        Assert.Empty(catalogue.Reconcile().Added);
    }

    [Fact]
    public void Rebuild_LostCatalogue_GivesTheSameEntries()
    {
        IReadOnlyList<SnapshotEntry> before;
        using (var catalogue = SnapshotCatalogue.Open(directory.Root))
        {
            Write(catalogue, 2048, 0.05, 1);
            Write(catalogue, 4096, 0.05, 2);
            before = catalogue.Entries;
        }

        byte[] journal = File.ReadAllBytes(directory[SnapshotCatalogue.FileName]);
        journal[30] ^= 4;
        File.WriteAllBytes(directory[SnapshotCatalogue.FileName], journal);
        Assert.Throws<DamagedFileException>(() => SnapshotCatalogue.Open(directory.Root));
        Assert.Empty(SnapshotCatalogue.Rebuild(directory.Root).Damaged);
        using var rebuilt = SnapshotCatalogue.Open(directory.Root);
        Assert.Equal(before, rebuilt.Entries);
    }

    [Fact]
    public void Open_CutTail_IsToleratedAndReported()
    {
        using (var catalogue = SnapshotCatalogue.Open(directory.Root))
        {
            Write(catalogue, 2048, 0.05, 1);
            Write(catalogue, 4096, 0.05, 2);
        }

        Cut(directory[SnapshotCatalogue.FileName]);
        using var opened = SnapshotCatalogue.Open(directory.Root);
        Assert.True(opened.IsTailCut);
        Assert.Equal([2048], opened.Entries.Select(entry => entry.ImagesSeen));
        Assert.Equal([4096], opened.Reconcile().Added.Select(entry => entry.ImagesSeen));
    }

    [Theory]
    [InlineData(70000f)]
    [InlineData(float.NaN)]
    public void Write_ValueHalfCannotHold_IsRefusedAndLeavesNothing(float value)
    {
        var failure = Assert.Throws<ArgumentException>(() => Write(null, 2048, 0.1, value));
        Assert.Contains("net.weight", failure.Message, StringComparison.Ordinal);
        Assert.Empty(directory.Names);
    }

    private static void Cut(string path)
    {
        using var stream = File.OpenWrite(path);
        stream.SetLength(stream.Length - 3);
    }

    private SnapshotEntry Write(SnapshotCatalogue? catalogue, long images, double std, float value)
    {
        float[][] values = [[value, 2, 3, 1], [0.5f, 0.25f]];
        return new SnapshotWriter(directory.Root, catalogue).Write(
            new SnapshotInfo { RunId = "run-1", ImagesSeen = images, RelativeStd = std, Config = "{\"a\":1}" },
            [new("net.weight", [2, 2]), new("net.freqs", [2], IsBuffer: true)],
            index => values[index]);
    }
}
