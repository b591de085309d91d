using Diffusion.V1;

namespace Diffusion.Worker.Training;

/// <summary>Hears what a rank does. Called on the rank's own thread, or on its writer's; must return at once.</summary>
internal interface ITrainingObserver
{
    /// <summary>The rank entered another part of its step.</summary>
    void PhaseChanged(int rank, WorkerPhase phase, long step);

    /// <summary>The rank entered an exchange with other ranks, or left it (null).</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="tag">Tag of what it waits for, see <see cref="Native.Collectives.Tags"/>.</param>
    void ExchangeChanged(int rank, ulong? tag)
    {
    }

    /// <summary>A step's update is applied on this rank.</summary>
    void StepCompleted(int rank, StepReport report);

    /// <summary>An EMA snapshot is durable.</summary>
    void SnapshotSaved(long imagesSeen, double relativeStd, string fileName, long bytes, string sha256);

    /// <summary>A checkpoint is durable.</summary>
    void CheckpointSaved(long imagesSeen, string name, long bytes, TimeSpan elapsed);

    /// <summary>A save failed; training goes on.</summary>
    void SaveFailed(long imagesSeen, string what, string reason);

    /// <summary>A line of metrics is due.</summary>
    void StatusLine(long imagesSeen, string json);
}

/// <summary>One step as one rank saw it.</summary>
/// <param name="CompletedStep">Steps done, this one included.</param>
/// <param name="ImagesSeen">Images seen by the run, this step included.</param>
/// <param name="OwnImages">Images of this rank's shards in this step.</param>
/// <param name="Loss">Mean loss per pixel of the whole batch; the same on every rank.</param>
/// <param name="LearningRate">The rate of this step.</param>
/// <param name="Total">Duration of the step.</param>
/// <param name="DataWait">Of it, waiting for images.</param>
/// <param name="GradientWait">Of it, waiting for other ranks' gradients.</param>
/// <param name="Shards">Of it, forward and backward of this rank's own shards, waiting for their images included.</param>
internal sealed record StepReport(
    long CompletedStep, long ImagesSeen, int OwnImages, double Loss, double LearningRate, TimeSpan Total, TimeSpan DataWait, TimeSpan GradientWait, TimeSpan Shards);
