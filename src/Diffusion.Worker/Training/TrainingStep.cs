using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Model;
using Diffusion.Model.Encoding;
using Diffusion.Model.Objectives;
using Diffusion.Native;
using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Faults;
using TorchSharp;

namespace Diffusion.Worker.Training;

/// <summary>What a step did.</summary>
/// <param name="Losses">Of the whole batch.</param>
/// <param name="Gradient">Norm and finiteness of the summed gradient.</param>
/// <param name="LearningRate">The step's rate.</param>
/// <param name="Skipped">The gradient was not finite: weights and moments are unchanged.</param>
/// <param name="Shards">Time spent on this rank's own shards, waiting for their images included.</param>
/// <param name="GradientWait">Time spent in exchanges with other ranks.</param>
internal sealed record StepOutcome(ShardRecord Losses, GradientSummary Gradient, double LearningRate, bool Skipped, TimeSpan Shards, TimeSpan GradientWait);

/// <summary>One step of one rank: its shards' gradients, the tree sum over all shards, Adam, averages.</summary>
/// <remarks>
/// Nothing of the state changes before the gradient of all shards is there, except the forced normalisation of the weights, which is done once.
/// A step that fails half-way can therefore be repeated, on other ranks too, with the same result.
/// </remarks>
internal sealed class TrainingStep : IDisposable
{
    private readonly RunConfig config;
    private readonly ReplicaState state;
    private readonly TrainingData data;
    private readonly IPeerTransport transport;
    private readonly ShardPlan plan;
    private readonly TimeSpan collectiveTimeout;
    private readonly TimeSpan stepTimeout;
    private readonly Action<WorkerPhase> phaseChanged;
    private readonly TimeProvider time;
    private readonly INoiseDistribution noise;
    private readonly ILoss loss;
    private readonly IImageEncoder encoder;
    private readonly LearningRateSchedule learningRate;
    private readonly IGradientSum gradientSum;
    private readonly ShardRecord[] records;
    private readonly StepReadings readings = new();
    private readonly int threads;
    private readonly long generation;
    private readonly ConsumedImagesLog? imageLog;

    public TrainingStep(RunConfig config, ReplicaState state, TrainingData data, IPeerTransport transport, GenerationRequest request, Action<WorkerPhase> phaseChanged, TimeProvider time, ConsumedImagesLog? imageLog)
    {
        this.config = config;
        this.state = state;
        this.data = data;
        this.transport = transport;
        plan = request.Shards;
        collectiveTimeout = request.CollectiveTimeout;
        stepTimeout = request.StepTimeout ?? request.CollectiveTimeout;
        this.phaseChanged = phaseChanged;
        this.time = time;
        this.imageLog = imageLog;
        generation = request.Number;
        threads = config.Training.ThreadsPerRank;
        noise = ModelParts.CreateNoise(config.Noise);
        loss = ModelParts.CreateLoss(config.Loss);
        encoder = ImageEncoders.For(data.Images.Shape.Channels);
        learningRate = new LearningRateSchedule(config.Training.LearningRate, config.Training.DecayBatches, config.Training.RampUpImages);
        var summing = FaultInjection.Around(transport, () => state.CompletedStep + 1);
        gradientSum = config.Training.GradientSum == GradientSum.Fast ? new FastGradientSum(summing, state.Gradients, threads) : new ExactGradientSum(summing, plan, state.Gradients, threads);
        records = GC.AllocateArray<ShardRecord>(plan.ShardCount, pinned: true);
    }

    /// <summary>Takes the step that follows the state.</summary>
    /// <param name="batches">This rank's batches, its shards in order; null when it has no shard.</param>
    /// <param name="requests">What this rank asks of all at the end of the step.</param>
    /// <param name="cancellationToken">Aborts the generation.</param>
    /// <exception cref="CollectiveException">Other ranks are gone or late; the state is that of before the step.</exception>
    public StepOutcome Run(BatchPrefetcher? batches, StepRequests requests, CancellationToken cancellationToken)
    {
        int batchSize = config.Training.BatchSize;
        long imagesBefore = state.CompletedStep * batchSize;

        // 1. Forced weight normalisation, once per step however many forwards follow (EDM2, section 2.3).
        state.Normalize();
        state.Network.Training = true;

        // 2. Each shard's gradient. Which images, which noise: functions of (seed, images seen, shard) alone.
        long began = time.GetTimestamp();
        gradientSum.Begin();
        imageLog?.Begin();
        for (int shard = plan[transport.Rank].Start; shard < plan[transport.Rank].End; shard++)
        {
            phaseChanged(WorkerPhase.Data);
            using var batch = batches!.Take(cancellationToken);
            phaseChanged(WorkerPhase.Compute);
            records[shard] = new ShardRecord { Requests = requests, Images = ConsumedImages.Digest(batch.ImageIds) };
            Differentiate(batch, imagesBefore, shard);
            imageLog?.Note(shard, batch.ImageIds);
            gradientSum.ShardDone(shard);
        }

        readings.Read(records);

        // 3. In exact mode the gradient of the batch is the balanced binary tree sum over the shards, whoever computed them.
        phaseChanged(WorkerPhase.Reduce);
        long started = time.GetTimestamp();
        var computed = time.GetElapsedTime(began, started);
        var losses = ShardRecord.Exchange(records, transport, plan, stepTimeout, cancellationToken);
        gradientSum.AllReduce(collectiveTimeout, cancellationToken);
        var waited = time.GetElapsedTime(started);

        // 4. A gradient that is not finite moves nothing. All ranks hold the same bits, so all decide alike.
        phaseChanged(WorkerPhase.Update);
        var gradient = Unscaled(ArenaKernels.Summarize(state.Gradients, threads));

        // 5. Adam and the averages in one pass. The rate reads the image count before the batch, the averages the one after it.
        double rate = learningRate.At(imagesBefore, batchSize);
        long imagesAfter = imagesBefore + batchSize;
        Update(rate, gradient.IsFinite, imagesAfter);
        return new StepOutcome(losses, gradient, rate, !gradient.IsFinite, computed, waited);
    }

    public void Dispose()
    {
        readings.Dispose();
        gradientSum.Dispose();
    }

    // What a found scale put in is taken out again; a configured one stays, as Adam does not mind it.
    private GradientSummary Unscaled(GradientSummary gradient) => !config.Training.AutomaticLossScale ? gradient
        : gradient with { SumOfSquares = gradient.SumOfSquares / (state.LossScale.Value * state.LossScale.Value) };

    // Forward and backward of one shard, in micro-batches; gradients add up in the arena.
    private void Differentiate(ImageBatch batch, long imagesBefore, int shard)
    {
        using var generator = new torch.Generator((ulong)TupleSeed.Hash(config.Seed, shard, imagesBefore), state.Device);
        double scale = state.LossScale.Value / config.Training.BatchSize;
        state.Network.DropoutGenerator = generator;
        for (int first = 0; first < batch.Count; first += data.MicroBatch)
        {
            using var scope = torch.NewDisposeScope();
            try
            {
                var stored = BatchTensors.Images(batch, first, data.MicroBatch, state.Device);
                var labels = BatchTensors.Labels(batch, first, data.MicroBatch, state.Device);

                // Noise, network, loss (EDM2 Equations 14, 15 and 21); draws in this order: latents, noise levels, noise, dropout.
                var images = encoder.Encode(stored, generator);
                var result = loss.Evaluate(state.Network, images, labels, noise.Draw(images, generator));
                FaultInjection.At(FaultPoint.Forward, state.CompletedStep + 1);

                // Summed over pixels and channels, averaged over the whole batch: shards and ranks then simply add.
                var sum = result.Map.sum();
                sum.mul(scale).backward();
                readings.Add(shard, result, sum);
            }
            catch (Exception e) when (DeviceMemory.IsExhausted(e))
            {
                throw new TrainingFailedException(MemoryAdvice.For(config, state, data.MicroBatch, e));
            }
        }

        state.Network.DropoutGenerator = null;
    }

    private void Update(double rate, bool finite, long imagesAfter)
    {
        var averages = state.Averages.Select(a => new AverageUpdate(a.Arena, a.Track.Beta(imagesAfter, config.Training.BatchSize))).ToArray();
        if (finite)
        {
            var adam = new AdamStep
            {
                LearningRate = rate,
                Step = state.AdamSteps + 1,
                Beta1 = config.Training.AdamBeta1,
                Beta2 = config.Training.AdamBeta2,
                Epsilon = config.Training.AdamEpsilon,
                GradientScale = config.Training.AutomaticLossScale ? 1 / state.LossScale.Value : 1,
            };
            FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, averages, adam, threads, summarize: false);
            state.AdamSteps++;
            state.SkippedInARow = 0;

            // Only now the weights of the next step: they wait for their normalisation.
            state.IsNormalized = false;
        }
        else
        {
            // The averages go on, so that their profile stays that of the images seen.
            using var guard = torch.no_grad();
            foreach (var update in averages)
            {
                update.Average.Flat.mul_(update.Beta).add_(state.Weights.Flat, 1 - update.Beta);
            }

            state.SkippedInARow++;
        }

        if (config.Training.AutomaticLossScale)
        {
            state.LossScale = state.LossScale.After(finite);
        }

        state.ConsumedImages = ConsumedImages.After(state.ConsumedImages, records);
        FaultInjection.At(FaultPoint.Optimizer, state.CompletedStep + 1);
        state.CompletedStep++;
        imageLog?.Complete(generation, state.CompletedStep, state.ConsumedImages);
    }
}
