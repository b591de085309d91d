using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Native;
using Diffusion.Native.Collectives;
using Diffusion.V1;
using Microsoft.Extensions.Logging;
using TorchSharp;

namespace Diffusion.Worker.Training;

/// <summary>What a rank is made from.</summary>
internal sealed record RankTrainerOptions
{
    /// <summary>The run's configuration, checked.</summary>
    public required RunConfig Config { get; init; }

    /// <summary>Name of the run, written into snapshots.</summary>
    public required string RunId { get; init; }

    /// <summary>The run's directory, if this worker sees it.</summary>
    public string? RunDirectory { get; init; }

    /// <summary>The run's directory over the network, if this worker does not see it.</summary>
    public IRunStorage? Storage { get; init; }

    /// <summary>The packed images.</summary>
    public required PackedDataset Data { get; init; }

    /// <summary>Place among this worker's ranks; only 0 writes files.</summary>
    public int LocalRank { get; init; }

    /// <summary>libtorch's name of the device this rank computes on.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>File to which every completed step's images are appended; null for none.</summary>
    public string? ImageLog { get; init; }

    public required ITrainingObserver Observer { get; init; }

    public required ILoggerFactory Loggers { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>One rank: a replica of the state, trained generation by generation. Everything but <see cref="RequestPause"/> and <see cref="Abort"/> belongs to the rank's own thread.</summary>
internal sealed class RankTrainer : IDisposable
{
    private readonly RankTrainerOptions options;
    private readonly RunConfig config;
    private readonly TrainingData data;
    private readonly ReplicaState state;
    private readonly RunSaver saver;
    private readonly ConsumedImagesLog? imageLog;
    private readonly ILogger logger;
    private readonly Lock gate = new();
    private WatchedTransport? transport;
    private CancellationTokenSource? generation;
    private string? abortReason;
    private long requests;

    public RankTrainer(RankTrainerOptions options)
    {
        this.options = options;
        config = options.Config;
        logger = options.Loggers.CreateLogger<RankTrainer>();
        torch.set_num_threads(config.Training.ThreadsPerRank);
        data = new TrainingData(config, options.Data);
        GpuThread.Enter(options.Device);
        state = CreateState();
        saver = new RunSaver(options, state);
        imageLog = options.ImageLog is { } path ? new ConsumedImagesLog(path, options.Time) : null;
    }

    private ReplicaState CreateState()
    {
        try
        {
            return new ReplicaState(config, data.NetworkShape, options.Device);
        }
        catch (Exception e) when (DeviceMemory.IsExhausted(e))
        {
            throw new ConfigurationException($"{options.Device} has no room for the training state (weights, gradient, Adam, averages). Take a smaller network, track fewer averages, or end what else uses the device. libtorch says: {e.Message.Split('\n')[0]}");
        }
    }

    /// <summary>Steps whose update this rank holds; -1 while it has no state of the run.</summary>
    public long CompletedStep => state.CompletedStep;

    /// <summary>Digest of the arenas' layout; equal on all ranks of a run.</summary>
    public string LayoutDigest => state.Layout.Digest;

    /// <summary>Digest of the state; empty without one.</summary>
    public string StateDigest() => state.CompletedStep < 0 ? "" : state.Digest();

    /// <summary>Trains until all ranks pause, the run is finished, or something fails.</summary>
    public GenerationResult Run(GenerationRequest request, CancellationToken cancellationToken)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        lock (gate)
        {
            generation = cancellation;
            abortReason = null;
            Volatile.Write(ref requests, 0);
        }

        try
        {
            Observe(request, WorkerPhase.Connecting);
            using var connected = new WatchedTransport(request.Connect(cancellation.Token), tag => options.Observer.ExchangeChanged(request.Rank, tag));
            lock (gate)
            {
                transport = connected;
                if (abortReason is not null)
                {
                    connected.Abort(abortReason);
                }
            }

            Observe(request, WorkerPhase.Synchronising);
            new StateSynchronisation(state, saver, config, phase => Observe(request, phase), logger).Run(connected, request, cancellation.Token);
            return Train(connected, request, cancellation.Token);
        }
        catch (CollectiveException e)
        {
            return e.Failure == CollectiveFailure.Aborted
                ? new GenerationResult(GenerationEnd.Aborted, abortReason ?? e.Message, CompletedStep)
                : new GenerationResult(
                    GenerationEnd.CollectiveFailed, e.Message, CompletedStep, e.PeerRank ?? -1, TimedOut: transport is not null && e.Failure == CollectiveFailure.TimedOut,
                    Detail: transport is null ? GenerationResult.Connecting : Tags.Describe(e.Tag ?? 0));
        }
        catch (Exception e) when (cancellation.IsCancellationRequested)
        {
            // Whatever a cancelled wait throws, it means the cancellation.
            return new GenerationResult(GenerationEnd.Aborted, abortReason ?? e.Message, CompletedStep);
        }
        catch (Exception e) when (e is TrainingFailedException or DatasetException or ConfigurationException)
        {
            logger.LogError(e, "Rank {Rank} cannot go on at step {Step}", request.Rank, CompletedStep);
            return new GenerationResult(GenerationEnd.Failed, e.Message, CompletedStep);
        }
        finally
        {
            lock (gate)
            {
                transport = null;
                generation = null;
            }
        }
    }

    /// <summary>Asks all ranks to end the generation after a common step. Thread-safe; without a generation it does nothing.</summary>
    /// <param name="save">Whether the writing rank makes a checkpoint of that step first.</param>
    public void RequestPause(bool save) => Interlocked.Or(ref requests, (long)(StepRequests.Pause | (save ? StepRequests.Save : StepRequests.None)));

    /// <summary>Saves what this rank holds where its box can, outside of a generation: there is no coordinator any more.</summary>
    /// <returns>What is saved where, or why nothing is.</returns>
    public string Rescue() => saver.Rescue();

    /// <summary>Ends the generation at once. Thread-safe; without a generation it does nothing.</summary>
    public void Abort(string reason)
    {
        lock (gate)
        {
            if (generation is null)
            {
                return;
            }

            abortReason ??= reason;
            transport?.Abort(reason);
            generation.Cancel();
        }
    }

    public void Dispose()
    {
        saver.Dispose();
        state.Dispose();
        imageLog?.Dispose();
    }

    private GenerationResult Train(IPeerTransport connected, GenerationRequest request, CancellationToken cancellationToken)
    {
        int batchSize = config.Training.BatchSize;
        long lastStep = config.Training.DurationImages / batchSize;
        bool wasDone = CompletedStep == lastStep;
        var shards = request.Shards[request.Rank];
        int[] ownShards = [.. Enumerable.Range(shards.Start, shards.Count)];
        var metrics = new IntervalMetrics(options.Time);
        using var step = new TrainingStep(config, state, data, connected, request, phase => Observe(request, phase), options.Time, imageLog);
        using var batches = ownShards.Length == 0 ? null : new BatchPrefetcher(data.Reader, ownShards, CompletedStep * batchSize, 2 * ownShards.Length, options.Time);
        while (CompletedStep < lastStep)
        {
            long started = options.Time.GetTimestamp();
            var waitedBefore = batches?.TimeWaited ?? TimeSpan.Zero;
            var outcome = step.Run(batches, (StepRequests)Volatile.Read(ref requests), cancellationToken);
            long imagesSeen = CompletedStep * batchSize;
            var report = new StepReport(
                CompletedStep, imagesSeen, ownShards.Length * data.Reader.ImagesPerShard, outcome.Losses.MeanLoss, outcome.LearningRate,
                options.Time.GetElapsedTime(started), (batches?.TimeWaited ?? TimeSpan.Zero) - waitedBefore, outcome.GradientWait, outcome.Shards);
            metrics.Add(outcome.Losses, report, outcome.Gradient.Norm, outcome.Skipped);
            options.Observer.StepCompleted(request.Rank, report);

            NoteSkipped(outcome, imagesSeen);
            SaveIfDue(request, imagesSeen, isLast: CompletedStep == lastStep);
            if (request.Writes && IsDue(config.Training.StatusImages, imagesSeen, CompletedStep == lastStep))
            {
                options.Observer.StatusLine(imagesSeen, metrics.Take(imagesSeen, batchSize));
            }

            if (outcome.Losses.Requests.HasFlag(StepRequests.Pause) && CompletedStep < lastStep)
            {
                return Pause(request, outcome.Losses.Requests, imagesSeen);
            }
        }

        if (wasDone && request.Writes)
        {
            // The writer before was lost with the run's last checkpoint in its hands.
            saver.SaveCheckpoint(CompletedStep * batchSize);
        }

        // The last snapshots and checkpoint are the run's result: with a full disk they wait for space, and the alarm stands.
        Observe(request, WorkerPhase.Saving);
        while (saver.Flush() is not null)
        {
            cancellationToken.WaitHandle.WaitOne(SaveQueue.RetryAfter);
            cancellationToken.ThrowIfCancellationRequested();
        }

        return new GenerationResult(GenerationEnd.Finished, $"All {lastStep} steps are done.", CompletedStep);
    }

    private GenerationResult Pause(GenerationRequest request, StepRequests asked, long imagesSeen)
    {
        Observe(request, WorkerPhase.Saving);
        if (request.Writes && asked.HasFlag(StepRequests.Save))
        {
            saver.SaveCheckpoint(imagesSeen);
        }

        string? unsaved = saver.Flush();
        string reason = $"Paused after step {CompletedStep}, {imagesSeen} images." + (unsaved is null ? "" : $" Not saved: {unsaved}");
        return new GenerationResult(GenerationEnd.Paused, reason, CompletedStep);
    }

    private void SaveIfDue(GenerationRequest request, long imagesSeen, bool isLast)
    {
        if (IsDue(config.Training.SnapshotImages, imagesSeen, isLast))
        {
            saver.KeepSnapshots(imagesSeen, write: request.Writes);
        }

        if (request.Writes && IsDue(config.Training.CheckpointImages, imagesSeen, isLast))
        {
            saver.SaveCheckpoint(imagesSeen);
        }
    }

    private void NoteSkipped(StepOutcome outcome, long imagesSeen)
    {
        if (!outcome.Skipped)
        {
            return;
        }

        string tensor = RunSaver.FirstNonFinite(state.Gradients) ?? "none";
        logger.LogWarning("Step skipped at {ImagesSeen} images: {NonFinite} gradient values are not finite, the first in {Tensor}", imagesSeen, outcome.Gradient.NonFiniteCount, tensor);
        bool mayBeTheScale = config.Training.AutomaticLossScale && state.LossScale.Value > LossScale.Least;
        if (state.SkippedInARow >= config.Training.NonFiniteStepsLimit && !mayBeTheScale)
        {
            throw new TrainingFailedException(
                $"{state.SkippedInARow} steps in a row had gradients that are not finite, up to {imagesSeen} images, the last with {outcome.Gradient.NonFiniteCount} values, the first of them in {tensor}. "
                + "Weights are those of before. Resume with a lower training.learningRate or training.lossScale.");
        }
    }

    private void Observe(GenerationRequest request, WorkerPhase phase) => options.Observer.PhaseChanged(request.Rank, phase, CompletedStep);

    private static bool IsDue(long interval, long imagesSeen, bool isLast) => isLast || (interval > 0 && imagesSeen % interval == 0);
}
