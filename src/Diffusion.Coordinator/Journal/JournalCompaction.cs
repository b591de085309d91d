using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Journal;

/// <summary>The shortest journal that says the same: what <see cref="RunReplay"/> makes of it is what it made of the long one.</summary>
internal static class JournalCompaction
{
    /// <summary>Workers that were sent away long ago are not waited for; the newest ones may still knock and are told why.</summary>
    private const int RememberedRemovals = 1024;

    public static IReadOnlyList<JournalEntry> Compact(IReadOnlyList<JournalEntry> entries)
    {
        int formed = LastIndex<GenerationFormed>(entries);
        int lastOver = LastIndex<GenerationOver>(entries);
        int lastCounting = Indices<GenerationOver>(entries).LastOrDefault(i => ((GenerationOver)entries[i]).CompletedStep > 0, -1);
        int highestCheckpoint = Indices<CheckpointRecorded>(entries).DefaultIfEmpty(-1).MaxBy(i => i < 0 ? -1 : ((CheckpointRecorded)entries[i]).ImagesSeen);
        var files = new HashSet<string>(StringComparer.Ordinal);
        var recentlyGone = Indices<WorkerGone>(entries).TakeLast(RememberedRemovals).ToHashSet();
        var kept = new List<JournalEntry>();
        for (int i = 0; i < entries.Count; i++)
        {
            bool keep = entries[i] switch
            {
                RunCreated => kept.Count == 0,
                CoordinatorStarted => i == LastIndex<CoordinatorStarted>(entries),
                FingerprintFixed => i == LastIndex<FingerprintFixed>(entries),

                // The generation that may still be training, or the last number that was used.
                GenerationFormed => i == formed,
                GenerationOver => i == lastOver || i == lastCounting,
                WorkerGone => recentlyGone.Contains(i) || i > formed,
                SnapshotRecorded snapshot => files.Add(snapshot.FileName),
                CheckpointRecorded => i == highestCheckpoint,
                ImagesCounted => i == LastIndex<ImagesCounted>(entries),
                RunOver => i == LastIndex<RunOver>(entries),
                _ => true,
            };
            if (keep)
            {
                kept.Add(entries[i]);
            }
        }

        return kept;
    }

    private static int LastIndex<T>(IReadOnlyList<JournalEntry> entries)
    {
        int last = entries.Count - 1;
        while (last >= 0 && entries[last] is not T)
        {
            last--;
        }

        return last;
    }

    private static IEnumerable<int> Indices<T>(IReadOnlyList<JournalEntry> entries) => Enumerable.Range(0, entries.Count).Where(i => entries[i] is T);
}
