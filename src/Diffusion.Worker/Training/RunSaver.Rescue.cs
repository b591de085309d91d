using Diffusion.Snapshots.Checkpoints;

namespace Diffusion.Worker.Training;

internal sealed partial class RunSaver
{
    /// <summary>Where files go once nobody is left to send them to; null before.</summary>
    private volatile string? rescue;

    /// <summary>Puts the state, and whatever waits to be written, where this box can: into the run's directory, or into one of its own when it does not see that.</summary>
    /// <returns>What is saved where, or why nothing is, and what to do with it; for the worker's last words.</returns>
    public string Rescue()
    {
        if (state.CompletedStep <= 0)
        {
            return "No step was done here, nothing had to be saved.";
        }

        long imagesSeen = state.CompletedStep * options.Config.Training.BatchSize;
        string what = $"The state after step {state.CompletedStep}, {imagesSeen} images,";
        if (options.RunDirectory is null)
        {
            if (options.Storage is null)
            {
                return $"{what} is not saved: this worker neither sees the run's directory nor has one of its own.";
            }

            rescue = options.Storage.RescueDirectory;
        }

        // What another worker has saved already need not be saved again; who holds the writer's lock is another worker that saves.
        WriteMissedSnapshots(isWriter: true);
        string? unsaved = queue.Flush();
        if (NewestImages() < imagesSeen)
        {
            SaveCheckpoint(imagesSeen);
            unsaved = queue.Flush();
        }

        if (NewestImages() is var newest && newest < imagesSeen)
        {
            return $"{what} is not saved: {unsaved}";
        }

        string place = CheckpointStore.PathIn(CheckpointDirectory, newest);
        string missing = unsaved is null ? "" : $" Not saved: {unsaved}";
        return rescue is null
            ? $"{what} is saved: {place}.{missing}"
            : $"{what} is saved on this box, which does not see the run's directory: copy {place} into the folder checkpoints there, or lose those steps alone, which are then done again.{missing}";
    }

    private long NewestImages() => new CheckpointStore(CheckpointDirectory).Latest().Checkpoint?.Manifest.ImagesSeen ?? -1;
}
