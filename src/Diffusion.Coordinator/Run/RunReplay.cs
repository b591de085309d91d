using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

/// <summary>Rebuilds the state of a run from its journal: the counterpart of the entries that <see cref="RunRules"/> asks to write.</summary>
internal static class RunReplay
{
    /// <summary>The state at the start of a coordinator.</summary>
    /// <param name="settings">Of this start.</param>
    /// <param name="entries">All that earlier starts wrote; empty for a new run.</param>
    /// <param name="now">The time; what is outstanding counts from here.</param>
    public static RunState Restore(RunSettings settings, IEnumerable<JournalEntry> entries, DateTimeOffset now)
    {
        var state = new RunState { Settings = settings, Epoch = 0, LastTick = now, JournalledAt = now };
        var files = new HashSet<string>(StringComparer.Ordinal);
        ImmutableArray<MemberRecord> members = [];
        foreach (var entry in entries)
        {
            switch (entry)
            {
                case GenerationFormed formed:
                    members = formed.Members;
                    break;
                case WorkerGone gone:
                    members = [.. members.Where(member => member.WorkerId != gone.WorkerId)];
                    break;
                case GenerationOver:
                    members = [];
                    break;
            }

            state = Apply(state, entry, files, now);
        }

        state = state with { Epoch = state.Epoch + 1, NextOrder = Math.Max(state.NextOrder, members.Select(member => member.Order + 1).DefaultIfEmpty().Max()) };
        return state.Current is null ? state : Detach(state, members, now);
    }

    /// <summary>The end of a run that saw all its images in an earlier start; null when there is something left to do.</summary>
    /// <param name="entries">All that earlier starts wrote.</param>
    /// <param name="durationImages">Images that the run is to see.</param>
    public static RunOutcome? Finish(IReadOnlyList<JournalEntry> entries, long durationImages)
    {
        long images = entries.OfType<ImagesCounted>().LastOrDefault()?.ImagesSeen ?? 0;
        long snapshots = entries.OfType<SnapshotRecorded>().DistinctBy(snapshot => snapshot.FileName).Count();
        return images >= durationImages && entries.LastOrDefault(entry => entry is RunOver or GenerationFormed) is RunOver { Phase: RunPhase.Finished } over
            ? new RunOutcome(RunEnd.Finished, over.Reason, images, snapshots)
            : null;
    }

    private static RunState Apply(RunState state, JournalEntry entry, HashSet<string> files, DateTimeOffset now) => entry switch
    {
        RunCreated => state,
        CoordinatorStarted started => state with { Epoch = Math.Max(state.Epoch, started.Epoch) },
        FingerprintFixed fixedOnce => state with { Fingerprint = fixedOnce.Fingerprint },
        GenerationFormed formed => state with
        {
            Generation = formed.Plan.Number,
            Current = new GenerationState { Plan = formed.Plan, Since = now, Reason = formed.Plan.Reason, LastAdvance = now },
        },
        GenerationOver over => state with
        {
            Current = null,
            Generation = Math.Max(state.Generation, over.Number),
            ImagesSeen = over.CompletedStep > 0 ? over.CompletedStep * state.Settings.BatchSize : state.ImagesSeen,
        },
        WorkerGone gone => state with { Removed = state.Removed.SetItem(gone.WorkerId, gone.Reason) },
        SnapshotRecorded snapshot => state with
        {
            Snapshots = state.Snapshots + (files.Add(snapshot.FileName) ? 1 : 0),
            LastSnapshotImages = Math.Max(state.LastSnapshotImages, snapshot.ImagesSeen),
        },
        CheckpointRecorded checkpoint => state with { LastCheckpointImages = Math.Max(state.LastCheckpointImages, checkpoint.ImagesSeen) },
        ImagesCounted counted => state with { ImagesSeen = counted.ImagesSeen, JournalledImages = counted.ImagesSeen },
        RunOver => state with { Current = null },
        _ => throw new ArgumentException($"There is no rule to replay {entry.GetType().Name}.", nameof(entry)),
    };

    /// <summary>The generation that trained when the last coordinator died trains on; its members have a while to come back.</summary>
    private static RunState Detach(RunState state, ImmutableArray<MemberRecord> members, DateTimeOffset now)
    {
        var current = state.Current!;
        foreach (var member in members)
        {
            state = state.With(new WorkerState
            {
                Id = member.WorkerId,
                Name = member.Name,
                Order = member.Order,
                Ranks = member.Ranks,
                DataAddress = member.DataAddress,
                SeesRunDirectory = member.SeesRunDirectory,
                ProcessId = member.ProcessId,
                Share = member.Share,
                Stage = WorkerStage.Detached,
                Since = now,
                Generation = current.Number,
                LastHeard = now,
            });
        }

        // A member that is gone already left a generation that was being aborted: the others have heard, or will hear when they are back.
        bool whole = members.Length == current.Plan.Members.Length;
        string reason = $"The coordinator was restarted (start {state.Epoch}); {members.Length} members of generation {current.Number} are expected back.";
        return state with
        {
            Started = true,
            Phase = whole ? RunPhase.Training : RunPhase.Forming,
            Reason = reason,
            Current = current with
            {
                Stage = whole ? GenerationStage.Running : GenerationStage.Aborting,
                LostMember = !whole,
                Reason = whole ? current.Reason : "A member was lost before the coordinator was restarted.",
            },
        };
    }
}
