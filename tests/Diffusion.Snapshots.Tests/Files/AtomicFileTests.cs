using System.Text;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Tests.Files;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Commit_ExistingFile_IsReplacedOnlyThen()
    {
        File.WriteAllText(directory["a"], "old");
        using var file = AtomicFile.Create(directory["a"]);
        file.Append("new"u8);
        Assert.Equal("old", File.ReadAllText(directory["a"]));
        file.Commit();
        Assert.Equal("new", File.ReadAllText(directory["a"]));
        Assert.Equal(["a"], directory.Names);
    }

    [Fact]
    public void Dispose_WithoutCommit_LeavesTheOldFileAlone()
    {
        File.WriteAllText(directory["a"], "old");
        using (var file = AtomicFile.Create(directory["a"]))
        {
            file.Append("new"u8);
        }

        Assert.Equal("old", File.ReadAllText(directory["a"]));
        Assert.Equal(["a"], directory.Names);
    }

    [Fact]
    public void RemoveLeftovers_DeadAndLiveWriters_RemovesOnlyTheDead()
    {
        File.WriteAllText(directory[".dead.99-1.partial"], "x");
        using var live = AtomicFile.Create(directory["live"]);
        Assert.Equal([".dead.99-1.partial"], AtomicFile.RemoveLeftovers(directory.Root));
        live.Append("y"u8);
        live.Commit();
        Assert.Equal(["live"], directory.Names);
    }

    [Fact]
    public void Create_MissingDirectory_FailsNamingTheFile()
    {
        var failure = Assert.Throws<SaveFailedException>(() => AtomicFile.Create(directory["no/such/a"]));
        Assert.Contains("no/such/a", failure.Message, StringComparison.Ordinal);
        Assert.False(failure.IsDiskFull);
    }

    [Fact]
    public void Commit_TargetIsADirectory_FailsAndCleansUp()
    {
        Directory.CreateDirectory(directory["a/b"]);
        using var file = AtomicFile.Create(directory["a"]);
        file.Append("x"u8);
        Assert.Throws<SaveFailedException>(file.Commit);
        Assert.Equal(["a"], directory.Names);
    }

    [Fact]
    public void Crc32C_KnownVectors_Match()
    {
        Assert.Equal(0xE3069283, Crc32C.Compute("123456789"u8));
        Assert.Equal(0u, Crc32C.Compute([]));
        Assert.Equal(0x8A9136AA, Crc32C.Compute(new byte[32]));
        byte[] text = Encoding.UTF8.GetBytes("the quick brown fox");
        Assert.Equal(Crc32C.Compute(text), Crc32C.Compute(text.AsSpan(7), Crc32C.Compute(text.AsSpan(0, 7))));
    }
}
