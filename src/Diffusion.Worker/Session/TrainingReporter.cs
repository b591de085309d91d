using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Session;

/// <summary>Gathers what this worker's ranks do into heartbeats, progress and events. Thread-safe; never waits.</summary>
internal sealed class TrainingReporter(Outbox outbox, TimeProvider? time = null) : ITrainingObserver
{
    private readonly Lock gate = new();
    private readonly TimeProvider time = time ?? TimeProvider.System;
    private readonly Dictionary<int, RankActivity> ranks = [];
    private WorkerPhase idlePhase = WorkerPhase.Preparing;
    private long generation;
    private int rankCount = 1;
    private StepProgress? progress;
    private int reportedSteps;
    private long lastStep = -1;

    /// <summary>Called on a rank's thread whenever it enters another phase: requests that came before the rank was listening are repeated.</summary>
    public event Action? PhaseEntered;

    /// <summary>Phase of the rank that lags most, with its step.</summary>
    public WorkerHeartbeat Heartbeat()
    {
        lock (gate)
        {
            if (ranks.Count == 0)
            {
                return new WorkerHeartbeat { Phase = idlePhase, Step = -1 };
            }

            // A rank that writes a file does what a file needs; the others wait for it.
            var (number, rank) = ranks.FirstOrDefault(rank => rank.Value.Phase is WorkerPhase.Saving or WorkerPhase.Restoring) is { Value.Phase: not WorkerPhase.Unspecified } busy
                ? busy
                : ranks.OrderBy(rank => rank.Value.Step).ThenBy(rank => rank.Value.Phase).ThenBy(rank => rank.Value.Tag is not null).ThenBy(rank => rank.Value.Exchanges).First();
            return new WorkerHeartbeat
            {
                Phase = rank.Phase,
                Step = rank.Step,
                Rank = number,
                IsExchanging = rank.Tag is not null,
                Exchanges = rank.Exchanges,
                Exchange = Tags.Describe(rank.Tag ?? 0),
                IdleSeconds = time.GetElapsedTime(rank.Since).TotalSeconds,
            };
        }
    }

    public void EnterGeneration(long number, int localRanks)
    {
        lock (gate)
        {
            generation = number;
            rankCount = localRanks;
            progress = null;
            reportedSteps = 0;
            lastStep = -1;
            ranks.Clear();
            idlePhase = WorkerPhase.Connecting;
        }
    }

    /// <summary>Out of the generation; progress not told yet is.</summary>
    public void LeaveGeneration()
    {
        if (TakeProgress() is { } last)
        {
            outbox.Post(last);
        }

        lock (gate)
        {
            ranks.Clear();
            idlePhase = WorkerPhase.Waiting;
        }
    }

    public void Idle(WorkerPhase phase)
    {
        lock (gate)
        {
            idlePhase = phase;
        }
    }

    /// <summary>What happened since the last call; null when no step was completed.</summary>
    public SessionRequest? TakeProgress()
    {
        lock (gate)
        {
            if (progress is null)
            {
                return null;
            }

            // Sums over the worker's ranks, which work side by side: times are those of the mean rank.
            var taken = progress;
            taken.Steps = reportedSteps;
            taken.CompletedStep = lastStep;
            taken.Seconds /= rankCount;
            taken.DataWaitSeconds /= rankCount;
            taken.GradientWaitSeconds /= rankCount;
            taken.ComputeSeconds = Math.Max(0, (taken.ComputeSeconds / rankCount) - taken.DataWaitSeconds);
            progress = null;
            reportedSteps = 0;
            return new SessionRequest { Generation = generation, Progress = taken };
        }
    }

    public void PhaseChanged(int rank, WorkerPhase phase, long step)
    {
        lock (gate)
        {
            // In a step the number is that of the step in flight.
            long shown = phase is WorkerPhase.Data or WorkerPhase.Compute or WorkerPhase.Reduce or WorkerPhase.Update ? step + 1 : step;
            ranks[rank] = new RankActivity(phase, shown, null, ranks.GetValueOrDefault(rank).Exchanges, time.GetTimestamp());
        }

        PhaseEntered?.Invoke();
    }

    public void ExchangeChanged(int rank, ulong? tag)
    {
        lock (gate)
        {
            if (ranks.TryGetValue(rank, out var before))
            {
                ranks[rank] = before with { Tag = tag, Exchanges = before.Exchanges + (tag is null ? 0 : 1), Since = time.GetTimestamp() };
            }
        }
    }

    public void StepCompleted(int rank, StepReport report)
    {
        lock (gate)
        {
            progress ??= new StepProgress();
            progress.Seconds += report.Total.TotalSeconds;
            progress.DataWaitSeconds += report.DataWait.TotalSeconds;
            progress.GradientWaitSeconds += report.GradientWait.TotalSeconds;
            progress.ComputeSeconds += report.Shards.TotalSeconds;
            progress.OwnImages += report.OwnImages;
            if (report.CompletedStep >= lastStep)
            {
                reportedSteps += report.CompletedStep > lastStep ? 1 : 0;
                lastStep = report.CompletedStep;
                progress.CompletedStep = report.CompletedStep;
                progress.ImagesSeen = report.ImagesSeen;
                progress.Loss = report.Loss;
                progress.LearningRate = report.LearningRate;
            }
        }
    }

    public void SnapshotSaved(long imagesSeen, double relativeStd, string fileName, long bytes, string sha256) => Post(new SessionRequest
    {
        SnapshotSaved = new SnapshotSaved { ImagesSeen = imagesSeen, RelativeStd = relativeStd, FileName = fileName, Bytes = bytes, Sha256 = sha256 },
    });

    public void CheckpointSaved(long imagesSeen, string name, long bytes, TimeSpan elapsed) => Post(new SessionRequest
    {
        CheckpointSaved = new CheckpointSaved { ImagesSeen = imagesSeen, Name = name, Bytes = bytes, Seconds = elapsed.TotalSeconds },
    });

    public void SaveFailed(long imagesSeen, string what, string reason) => Post(new SessionRequest
    {
        SaveFailed = new SaveFailed { ImagesSeen = imagesSeen, What = what, Reason = reason },
    });

    public void StatusLine(long imagesSeen, string json) => Post(new SessionRequest { Status = new StatusLine { ImagesSeen = imagesSeen, Json = json } });

    private void Post(SessionRequest happened)
    {
        lock (gate)
        {
            happened.Generation = generation;
        }

        outbox.Post(happened);
    }

    /// <param name="Tag">Of the exchange it is in; null outside of one.</param>
    /// <param name="Exchanges">Begun in this generation.</param>
    /// <param name="Since">Timestamp of its last event.</param>
    private readonly record struct RankActivity(WorkerPhase Phase, long Step, ulong? Tag, long Exchanges, long Since);
}
