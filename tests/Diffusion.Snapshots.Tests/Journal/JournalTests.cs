using System.Text;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Journal;

namespace Diffusion.Snapshots.Tests.Journal;

public sealed class JournalTests : IDisposable
{
    private static readonly string[] Three = ["one", "", "a third, longer record"];
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Append_ThenReopenAndAppend_ReadsAllInOrder()
    {
        Write(Three);
        Write(["four"]);
        Assert.Equal([.. Three, "four"], Read(out bool cut));
        Assert.False(cut);
    }

    [Fact]
    public void Read_MissingFile_IsEmpty() => Assert.Empty(JournalReader.Read(directory["none"]).Records);

    [Fact]
    public void Read_EveryTruncation_KeepsWholeRecordsAndSaysSo()
    {
        Write(Three);
        byte[] whole = File.ReadAllBytes(directory["j"]);
        var ends = new List<int> { 8 };
        ends.AddRange(Three.Select((_, i) => 8 + Three.Take(i + 1).Sum(text => 12 + text.Length)));
        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(directory["j"], whole.AsSpan(0, length));
            string[] found = Read(out bool cut);
            Assert.Equal(Three.Take(Math.Max(0, ends.Count(end => end <= length) - 1)), found);
            Assert.Equal(length > 0 && !ends.Contains(length), cut);

            using (var writer = JournalWriter.Open(directory["j"]))
            {
                writer.Append("after"u8);
            }

            Assert.Equal([.. found, "after"], Read(out cut));
            Assert.False(cut);
        }
    }

    [Fact]
    public void Read_EveryFlippedByte_IsAnErrorOrACutTail()
    {
        Write(Three);
        byte[] whole = File.ReadAllBytes(directory["j"]);
        int lastRecord = whole.Length - 12 - Three[^1].Length;
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] flipped = [.. whole];
            flipped[at] ^= 0x10;
            File.WriteAllBytes(directory["j"], flipped);
            if (at >= lastRecord)
            {
                Assert.Equal(Three[..2], Read(out bool cut));
                Assert.True(cut);
            }
            else
            {
                var failure = Assert.Throws<DamagedFileException>(() => JournalReader.Read(directory["j"]));
                Assert.Contains(at < 8 ? "does not start" : "at byte", failure.Message, StringComparison.Ordinal);
                Assert.Throws<DamagedFileException>(() => JournalWriter.Open(directory["j"]));
            }
        }
    }

    [Fact]
    public void Read_WhileOpenForAppending_SeesWholeRecords()
    {
        using var writer = JournalWriter.Open(directory["j"], syncEveryRecord: false);
        writer.Append("x"u8);
        Assert.Equal(["x"], Read(out _));
        writer.Flush();
    }

    [Fact]
    public void Open_SecondWriter_IsRefused()
    {
        using var writer = JournalWriter.Open(directory["j"]);
        Assert.Contains("another process", Assert.Throws<SaveFailedException>(() => JournalWriter.Open(directory["j"])).Message, StringComparison.Ordinal);
    }

    private void Write(string[] records)
    {
        using var writer = JournalWriter.Open(directory["j"]);
        foreach (string record in records)
        {
            writer.Append(Encoding.UTF8.GetBytes(record));
        }
    }

    private string[] Read(out bool cut)
    {
        var contents = JournalReader.Read(directory["j"]);
        cut = contents.IsTailCut;
        return [.. contents.Records.Select(record => Encoding.UTF8.GetString(record.Span))];
    }
}
