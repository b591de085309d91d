using System.Globalization;
using System.Text.Json.Serialization;

namespace Diffusion.Contracts.Configuration;

/// <summary>Batch, duration, optimizer and intervals of a run. Times are images seen.</summary>
public sealed record TrainingConfig
{
    /// <summary>Global batch size B in images, summed over all shards.</summary>
    /// <value>2048, as in every EDM2 preset.</value>
    public int BatchSize { get; init; } = 2048;

    /// <summary>Largest number of images in one forward pass; a shard's images are split evenly. Part of what is computed: another value gives other low bits.</summary>
    /// <value>0: a shard's images at once.</value>
    public int MicroBatchSize { get; init; }

    /// <summary>Length of the run in images.</summary>
    public long DurationImages { get; init; } = 2L << 30;

    /// <summary>Reference learning rate α_ref (EDM2 Equation 67).</summary>
    public double LearningRate { get; init; } = 0.0100;

    /// <summary>Batches t_ref after which the rate decays as 1/sqrt(t); 0 for no decay.</summary>
    public double DecayBatches { get; init; } = 70000;

    /// <summary>Images over which the rate grows linearly from zero; 0 for none.</summary>
    /// <value>10,000,000.</value>
    public long RampUpImages { get; init; } = 10_000_000;

    /// <summary>Adam's decay of the first moment.</summary>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>Adam's decay of the second moment.</summary>
    public double AdamBeta2 { get; init; } = 0.99;

    /// <summary>Adam's ε, outside the root.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Factor on the loss before backward; not divided out again (Adam's update is scale-free).</summary>
    public double LossScale { get; init; } = 1;

    /// <summary>How the shards' gradients are added up. Part of what is computed.</summary>
    /// <value>Exact, and then not written, so that a run without the key has the digest it always had.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public GradientSum GradientSum { get; init; } = GradientSum.Exact;

    /// <summary>Number format of the image path.</summary>
    public ComputePrecision Precision { get; init; } = ComputePrecision.Float32;

    /// <summary>Whether GPUs may round the factors of float32 products and convolutions to ten bits of mantissa (TF32): faster, and errors of 1e-3 in place of 1e-7. Part of what is computed.</summary>
    /// <value>false, and then not written, so that a run without the key has the digest it always had.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Tf32 { get; init; }

    /// <summary>Whether the loss scale is found by trial: halved when a step overflows, which is skipped, doubled after 2000 steps without, and divided out again before the optimizer. <see cref="LossScale"/> is where it begins.</summary>
    /// <value>false, and then not written.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool AutomaticLossScale { get; init; }

    /// <summary>Whether GPUs keep the channels of a pixel side by side, which their matrix units like in half precision. Part of what is computed there.</summary>
    /// <value>false, and then not written.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ChannelsLast { get; init; }

    /// <summary>CPU threads of each rank. Part of what is computed: another number of threads gives other low bits.</summary>
    /// <value>1.</value>
    public int ThreadsPerRank { get; init; } = 1;

    /// <summary>Images between metric lines; 0 for none.</summary>
    public long StatusImages { get; init; } = 128 << 10;

    /// <summary>Images between EMA snapshots; 0 for only the one at the end.</summary>
    public long SnapshotImages { get; init; } = 8 << 20;

    /// <summary>Images between checkpoints; 0 for only the one at the end.</summary>
    public long CheckpointImages { get; init; } = 128 << 20;

    /// <summary>Checkpoints kept: the last so many.</summary>
    public int KeepCheckpoints { get; init; } = 3;

    /// <summary>Steps with a non-finite gradient in a row that end the run; such a step is skipped.</summary>
    public int NonFiniteStepsLimit { get; init; } = 10;

    internal IEnumerable<string> Problems()
    {
        if (BatchSize < 1)
        {
            yield return $"training.batchSize is {BatchSize}; at least 1 image.";
            yield break;
        }

        if (MicroBatchSize < 0)
        {
            yield return $"training.microBatchSize is {MicroBatchSize}; 0 for a whole shard at once, or a number of images.";
        }

        foreach (var (name, images) in new[] { ("durationImages", DurationImages), ("statusImages", StatusImages), ("snapshotImages", SnapshotImages), ("checkpointImages", CheckpointImages) })
        {
            if (images < 0 || (name == "durationImages" && images < BatchSize) || images % BatchSize != 0)
            {
                yield return $"training.{name} is {images}, not a {(name == "durationImages" ? "positive " : "")}multiple of training.batchSize {BatchSize}. Try {Math.Max(1, (images + BatchSize / 2) / BatchSize) * BatchSize}.";
            }
        }

        if (!Enum.IsDefined(GradientSum))
        {
            yield return $"training.gradientSum is {GradientSum}; exact or fast.";
        }

        // Snapshot files are named by thousands of images.
        if (SnapshotImages is > 0 and < 1000)
        {
            yield return $"training.snapshotImages is {SnapshotImages}; at least 1000, since snapshots are named by thousands of images. Try {(1000 + BatchSize - 1) / BatchSize * BatchSize}.";
        }
        else if (SnapshotImages > 0 && DurationImages / SnapshotImages * SnapshotImages is > 0 and var before && before != DurationImages && before / 1000 == DurationImages / 1000)
        {
            yield return $"training.durationImages is {DurationImages}: the last snapshot would overwrite the one at {before} images, since snapshots are named by thousands of images. Try {before}, or {(((before / 1000 * 1000) + 1000 + BatchSize - 1) / BatchSize) * BatchSize}.";
        }

        if (AutomaticLossScale && !(LossScale >= 1 && LossScale <= Math.Pow(2, 126) && double.IsPow2(LossScale)))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"training.lossScale is {LossScale}; where it begins for training.automaticLossScale it must be a power of two from 1 to 2^126, so that dividing it out again rounds nothing. Try 65536.");
        }

        foreach (var (name, value, rule, valid) in new[]
        {
            ("learningRate", LearningRate, "positive", LearningRate > 0),
            ("decayBatches", DecayBatches, "0 or positive", DecayBatches >= 0),
            ("rampUpImages", RampUpImages, "0 or positive", RampUpImages >= 0),
            ("adamBeta1", AdamBeta1, "in [0, 1)", AdamBeta1 is >= 0 and < 1),
            ("adamBeta2", AdamBeta2, "in [0, 1)", AdamBeta2 is >= 0 and < 1),
            ("adamEpsilon", AdamEpsilon, "positive", AdamEpsilon > 0),
            ("lossScale", LossScale, "positive", LossScale > 0),
            ("threadsPerRank", ThreadsPerRank, "1 to 256", ThreadsPerRank is >= 1 and <= 256),
            ("keepCheckpoints", KeepCheckpoints, "at least 1", KeepCheckpoints >= 1),
            ("nonFiniteStepsLimit", NonFiniteStepsLimit, "at least 1", NonFiniteStepsLimit >= 1),
        })
        {
            if (!valid || !double.IsFinite(value))
            {
                yield return string.Create(CultureInfo.InvariantCulture, $"training.{name} is {value}; it must be {rule}.");
            }
        }
    }
}

/// <summary>How the gradients of a step's shards become one.</summary>
public enum GradientSum
{
    /// <summary>The balanced binary tree sum over the shards: the same bits for any number of workers and whatever happens to them.</summary>
    Exact,

    /// <summary>
    /// Each rank adds up its shards as they come, owners add the ranks' sums in rank order: a buffer and some additions less on every rank, one partial sum per rank on the network.
    /// The bits depend on the number of ranks and their shares; the same ranks and shares repeat them.
    /// </summary>
    Fast,
}

/// <summary>Number format of the image path; weights, embedding, log-variance and loss are float32 always.</summary>
public enum ComputePrecision
{
    /// <summary>Single precision.</summary>
    Float32,

    /// <summary>Half precision; CUDA only.</summary>
    Float16,

    /// <summary>bfloat16.</summary>
    BFloat16,
}
