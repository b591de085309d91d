using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Safetensors;

public sealed class ArrivingDigestTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    [InlineData(int.MaxValue)]
    public void Check_BytesInPiecesOfAnySize_IsTheFilesDigest(int piece)
    {
        var (bytes, contentId) = File();
        Feed(bytes, piece).Check(contentId);
    }

    [Fact]
    public void Check_AnyByteFlipped_IsNoticed()
    {
        var (bytes, contentId) = File();
        foreach (int at in Enumerable.Range(0, bytes.Length))
        {
            byte[] wrong = [.. bytes];
            wrong[at] ^= 0x10;
            Assert.Throws<DamagedFileException>(() => Feed(wrong, 4096).Check(contentId));
        }
    }

    [Fact]
    public void Check_AWholeFileOfAnotherDigest_IsNoticed()
    {
        var (bytes, _) = File();
        Assert.Throws<DamagedFileException>(() => Feed(bytes, 4096).Check(new string('a', 64)));
    }

    private static ArrivingDigest Feed(byte[] bytes, int piece)
    {
        var digest = new ArrivingDigest("file", bytes.Length);
        for (int at = 0; at < bytes.Length; at += Math.Min(piece, bytes.Length))
        {
            digest.Append(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
        }

        return digest;
    }

    private (byte[] Bytes, string ContentId) File()
    {
        var entry = new SnapshotWriter(directory.Root).Write(new SnapshotInfo { RunId = "r", ImagesSeen = 1024, RelativeStd = 0.05 }, [new SnapshotTensor("w", [100])], _ => new float[100]);
        return (System.IO.File.ReadAllBytes(directory[entry.File]), entry.ContentId);
    }
}
