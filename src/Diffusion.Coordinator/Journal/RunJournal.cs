using Diffusion.Coordinator.Run;
using Diffusion.Snapshots.Journal;

namespace Diffusion.Coordinator.Journal;

/// <summary>The run directory's <c>journal.bin</c>.</summary>
internal sealed class RunJournal : IRunJournal, IDisposable
{
    public const string FileName = "journal.bin";

    private readonly JournalWriter writer;

    private RunJournal(JournalWriter writer)
    {
        this.writer = writer;
        Entries = [.. writer.ContentsAtOpening.Records.Select(JournalCodec.Decode)];
    }

    /// <summary>What earlier starts of the coordinator wrote.</summary>
    public IReadOnlyList<JournalEntry> Entries { get; }

    /// <summary>Bytes of an append that a kill interrupted, cut off at opening.</summary>
    public long BytesCut => writer.ContentsAtOpening.BytesCut;

    public static RunJournal Open(string runDirectory)
    {
        var writer = JournalWriter.Open(Path.Combine(runDirectory, FileName));
        try
        {
            return new RunJournal(writer);
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    public void Append(JournalEntry entry) => writer.Append(JournalCodec.Encode(entry));

    public void Dispose() => writer.Dispose();
}
