using Diffusion.Coordinator.Run;
using Diffusion.V1;
using RunPhase = Diffusion.Coordinator.Run.RunPhase;

namespace Diffusion.Coordinator.Services;

/// <summary>The state of a run as people watch it.</summary>
internal static class StatusMessages
{
    public static RunStatus ToStatus(RunState state, DateTimeOffset now)
    {
        var workers = state.Workers.Values.OrderBy(worker => worker.Order).Select(worker => (State: worker, Rate: Rate(worker, state, now))).ToArray();
        double imagesPerSecond = workers.Sum(worker => worker.Rate.ImagesPerSecond);
        var training = workers.Where(worker => worker.Rate.Seconds > 0).ToArray();
        var status = new RunStatus
        {
            RunId = state.Settings.RunId,
            Phase = ToMessage(state.Phase),
            Reason = state.Reason,
            Generation = state.Generation,
            ImagesSeen = state.ImagesSeen,
            DurationImages = state.Settings.DurationImages,
            BatchSize = state.Settings.BatchSize,
            ImagesPerSecond = imagesPerSecond,
            EtaSeconds = imagesPerSecond > 0 ? Math.Max(0, state.Settings.DurationImages - state.ImagesSeen) / imagesPerSecond : -1,
            Loss = state.Loss,
            LearningRate = state.LearningRate,
            DataWaitShare = training.Length == 0 ? 0 : training.Average(worker => worker.Rate.DataWaitShare),
            GradientWaitShare = training.Length == 0 ? 0 : training.Average(worker => worker.Rate.GradientWaitShare),
            Snapshots = state.Snapshots,
            LastSnapshotImages = state.LastSnapshotImages,
            LastCheckpointImages = state.LastCheckpointImages,
            RunDirectory = state.Settings.RunDirectory,
        };
        status.Alarms.AddRange(state.Alarms.Values);
        status.Workers.AddRange(workers.Select(worker => ToMessage(worker.State, worker.Rate, state)));
        return status;
    }

    private static WorkerStatus ToMessage(WorkerState worker, WorkerRate rate, RunState state) => new()
    {
        WorkerId = worker.Id,
        Name = worker.Name,
        State = Describe(worker),
        Ranks = worker.Ranks,
        Shards = worker.InGeneration ? state.Current?.Plan.Member(worker.Id)?.ShardCount ?? 0 : 0,
        ImagesPerSecond = rate.ImagesPerSecond,
        DataWaitShare = rate.DataWaitShare,
        GradientWaitShare = rate.GradientWaitShare,
        CompletedStep = worker.CompletedStep,
        ProcessId = worker.ProcessId,
        ComputeSeconds = rate.ComputeSeconds,
    };

    private static string Describe(WorkerState worker)
    {
        string stage = worker.Stage switch
        {
            WorkerStage.Joined => "joining",
            WorkerStage.Preparing => "preparing",
            WorkerStage.Ready => "ready",
            WorkerStage.Detached => "expected back",
            _ => worker.Activity == WorkerActivity.Unknown ? "starting" : worker.Activity.Phase,
        };
        return (worker.Suspect, worker.Leaving) switch
        {
            (true, _) => stage + ", silent",
            (_, not null) => stage + ", leaving",
            _ => stage,
        };
    }

    private readonly record struct WorkerRate(double ImagesPerSecond, double Seconds, double ComputeSeconds, double DataWaitShare, double GradientWaitShare);

    /// <summary>Sums over the window; a sample that is older than the window no longer counts, so that who stands still is seen to.</summary>
    private static WorkerRate Rate(WorkerState worker, RunState state, DateTimeOffset now)
    {
        var window = RunRules.RateWindow(state);
        var samples = worker.InGeneration ? worker.Samples.Where(sample => now - sample.At <= window).ToArray() : [];
        double seconds = samples.Sum(sample => sample.Seconds);
        return seconds <= 0
            ? default
            : new WorkerRate(
                samples.Sum(sample => sample.OwnImages) / seconds,
                seconds,
                samples.Sum(sample => sample.ComputeSeconds) / Math.Max(1, samples.Sum(sample => sample.Steps)),
                samples.Sum(sample => sample.DataWaitSeconds) / seconds,
                samples.Sum(sample => sample.GradientWaitSeconds) / seconds);
    }

    private static V1.RunPhase ToMessage(RunPhase phase) => phase switch
    {
        RunPhase.Waiting => V1.RunPhase.Waiting,
        RunPhase.Forming => V1.RunPhase.Forming,
        RunPhase.Training => V1.RunPhase.Training,
        RunPhase.Stopping => V1.RunPhase.Stopping,
        RunPhase.Finished => V1.RunPhase.Finished,
        RunPhase.Stopped => V1.RunPhase.Stopped,
        _ => V1.RunPhase.Failed,
    };
}
