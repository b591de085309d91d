using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

internal static partial class RunRules
{
    private const int StepSamples = 31;

    /// <summary>What a worker calls that which it could not save; the alarm about it stands under this name.</summary>
    private const string SnapshotsSave = "snapshots";
    private const string CheckpointSave = "checkpoint";

    private static void Heartbeat(Draft draft, HeartbeatCame heartbeat)
    {
        var worker = draft.State.Workers[heartbeat.WorkerId];
        draft.Update(worker with { Activity = heartbeat.Activity });
    }

    private static void Progress(Draft draft, ProgressMade progress)
    {
        var worker = draft.State.Workers[progress.WorkerId];
        if (progress.Generation == 0 || !worker.InGeneration || draft.State.Current is not { } current)
        {
            return;
        }

        var sample = new ProgressSample(draft.Now, progress.Steps, progress.OwnImages, progress.Seconds, progress.ComputeSeconds, progress.DataWaitSeconds, progress.GradientWaitSeconds);
        draft.Update(Paced(draft, worker, progress) with { CompletedStep = Math.Max(worker.CompletedStep, progress.CompletedStep), Samples = Recent(draft, worker.Samples.Enqueue(sample)) });
        if (progress.CompletedStep > current.CompletedStep)
        {
            // The first report of a generation counts as it is: a run that went on from a checkpoint may stand below the last count.
            draft.State = draft.State with
            {
                Current = current with { CompletedStep = progress.CompletedStep, LastAdvance = draft.Now },
                ImagesSeen = progress.ImagesSeen,
                Loss = progress.Loss,
                LearningRate = progress.LearningRate,
            };
        }

        EndSlice(draft, progress);
        if (progress.Steps > 0)
        {
            var seconds = draft.State.StepSeconds.Enqueue(progress.Seconds / progress.Steps);
            seconds = seconds.Count() > StepSamples ? seconds.Dequeue() : seconds;
            draft.State = draft.State with { StepSeconds = seconds, MedianStep = TimeSpan.FromSeconds(seconds.Order().ElementAt(seconds.Count() / 2)) };
        }
    }

    /// <summary>Stops the run, saved, at the first step boundary all reach after the slice; its bits do not depend on where it is cut.</summary>
    private static void EndSlice(Draft draft, ProgressMade progress)
    {
        var settings = draft.State.Settings;
        if (settings.SliceImages == 0)
        {
            return;
        }

        long end = draft.State.SliceEnd ?? progress.ImagesSeen - ((long)progress.Steps * settings.BatchSize) + settings.SliceImages;
        draft.State = draft.State with { SliceEnd = end };
        if (draft.State.Phase == RunPhase.Training && progress.ImagesSeen >= end && progress.ImagesSeen < settings.DurationImages)
        {
            Stop(draft, new StopRequested(FormattableString.Invariant($"its slice of {settings.SliceImages} images is done.")));
        }
    }

    /// <summary>Samples of the last ten seconds, or of the last few steps where those are longer.</summary>
    private static ImmutableQueue<ProgressSample> Recent(Draft draft, ImmutableQueue<ProgressSample> samples)
    {
        var window = RateWindow(draft.State);
        while (!samples.IsEmpty && draft.Now - samples.Peek().At > window)
        {
            samples = samples.Dequeue();
        }

        return samples;
    }

    /// <summary>How far back rates look.</summary>
    public static TimeSpan RateWindow(RunState state) => TimeSpan.FromSeconds(Math.Max(10, 4 * (state.MedianStep ?? TimeSpan.Zero).TotalSeconds));

    private static void Snapshot(Draft draft, SnapshotStored snapshot)
    {
        draft.Record(new SnapshotRecorded(snapshot.ImagesSeen, snapshot.RelativeStd, snapshot.FileName, snapshot.Bytes, snapshot.Sha256));
        draft.Command(new AddToCatalogue(snapshot));
        draft.Alarm(SnapshotsSave, null);
        draft.State = draft.State with { Snapshots = draft.State.Snapshots + 1, LastSnapshotImages = Math.Max(draft.State.LastSnapshotImages, snapshot.ImagesSeen) };
        draft.Say(FormattableString.Invariant($"Snapshot {snapshot.FileName} saved at {snapshot.ImagesSeen} images, {snapshot.Bytes} bytes."));
    }

    private static void Checkpoint(Draft draft, CheckpointStored checkpoint)
    {
        draft.Record(new CheckpointRecorded(checkpoint.ImagesSeen, checkpoint.Name, checkpoint.Bytes));
        draft.Alarm(CheckpointSave, null);
        // Who was removed may report an older one late.
        draft.State = draft.State with { LastCheckpointImages = Math.Max(draft.State.LastCheckpointImages, checkpoint.ImagesSeen) };
        draft.Say(FormattableString.Invariant($"Checkpoint {checkpoint.Name} saved at {checkpoint.ImagesSeen} images, {checkpoint.Bytes} bytes in {checkpoint.Seconds:0.00} s."));
    }

    private static void SaveFailed(Draft draft, SaveBroke save)
    {
        var worker = draft.State.Workers[save.WorkerId];
        string alarm = $"{worker.Name} could not save the {save.What} at {save.ImagesSeen} images: {save.Reason} Training goes on; it is tried again.";

        // A save is tried again every few seconds: what lasts is said once.
        if (draft.State.Alarms.GetValueOrDefault(save.What) != alarm)
        {
            draft.Alarm(save.What, alarm);
            draft.Say(alarm);
        }
    }

    private static void Metrics(Draft draft, MetricsReported metrics)
    {
        // Steps that were repeated after a loss report the same numbers again.
        if (metrics.ImagesSeen > draft.State.LastMetricsImages)
        {
            draft.State = draft.State with { LastMetricsImages = metrics.ImagesSeen };
            draft.Command(new AppendMetrics(metrics.Json));
        }
    }
}
