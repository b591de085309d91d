using Diffusion.Coordinator.Run;
using Diffusion.Snapshots.Journal;

namespace Diffusion.Coordinator.Journal;

/// <summary>The run directory's <c>journal.bin</c>. A long run does not let it grow without bound: at the start and from time to time it is written anew, shorter.</summary>
internal sealed class RunJournal : IRunJournal, IDisposable
{
    public const string FileName = "journal.bin";

    /// <summary>A shorter journal is worth a rewrite from here on; a start reads it in milliseconds.</summary>
    private const int FewEntries = 4096;

    private readonly JournalWriter writer;
    private readonly List<JournalEntry> present;
    private readonly int fewEntries;
    private int compactAt;

    private RunJournal(JournalWriter writer, int fewEntries)
    {
        compactAt = this.fewEntries = fewEntries;
        this.writer = writer;
        Entries = [.. writer.ContentsAtOpening.Records.Select(JournalCodec.Decode)];
        present = [.. Entries];
    }

    /// <summary>What earlier starts of the coordinator wrote, as far as it still matters.</summary>
    public IReadOnlyList<JournalEntry> Entries { get; }

    /// <summary>Entries in the file.</summary>
    public int Count => present.Count;

    /// <summary>Bytes of an append that a kill interrupted, cut off at opening.</summary>
    public long BytesCut => writer.ContentsAtOpening.BytesCut;

    /// <param name="runDirectory">Where the journal is.</param>
    /// <param name="fewEntries">Shorter journals are left alone.</param>
    public static RunJournal Open(string runDirectory, int fewEntries = FewEntries)
    {
        var writer = JournalWriter.Open(Path.Combine(runDirectory, FileName));
        try
        {
            var journal = new RunJournal(writer, fewEntries);
            journal.CompactIfLong();
            return journal;
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>What the journal of a run directory holds, without opening it for more; empty without one.</summary>
    public static IReadOnlyList<JournalEntry> Read(string runDirectory) => [.. JournalReader.Read(Path.Combine(runDirectory, FileName)).Records.Select(JournalCodec.Decode)];

    public void Append(JournalEntry entry)
    {
        writer.Append(JournalCodec.Encode(entry));
        present.Add(entry);
        CompactIfLong();
    }

    public void Dispose() => writer.Dispose();

    private void CompactIfLong()
    {
        if (present.Count < compactAt)
        {
            return;
        }

        var compact = JournalCompaction.Compact(present);
        compactAt = Math.Max(fewEntries, 2 * compact.Count);
        if (compact.Count > present.Count / 2)
        {
            return;
        }

        try
        {
            writer.Replace(compact.Select(entry => (ReadOnlyMemory<byte>)JournalCodec.Encode(entry)));
            present.Clear();
            present.AddRange(compact);
        }
        catch (IOException)
        {
            // The long journal says the same. Should it be the disk, the next append says so.
            compactAt = present.Count + fewEntries;
        }
    }
}
