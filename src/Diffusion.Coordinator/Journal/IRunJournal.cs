using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Journal;

/// <summary>Where decisions are written before they take effect.</summary>
internal interface IRunJournal
{
    /// <summary>Makes an entry durable.</summary>
    /// <exception cref="IOException">It is not; the caller may try again with the same entry.</exception>
    void Append(JournalEntry entry);
}
