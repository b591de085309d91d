using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Weights;

namespace Diffusion.Worker.Training;

/// <summary>The images of a run and their order: a pure function of the configuration and the data set, the same on every rank.</summary>
internal sealed class TrainingData
{
    private readonly TrainingConfig training;

    public TrainingData(RunConfig config, PackedDataset dataset)
    {
        if (dataset.Shape.Height != dataset.Shape.Width)
        {
            throw new ConfigurationException($"data.path: images of {dataset.Name} are {dataset.Shape.Width}x{dataset.Shape.Height}; a network needs square ones. Convert the data with --transform center-crop --resolution.");
        }

        if (config.Data.ClassConditional && dataset.Labels.Dimension == 0)
        {
            throw new ConfigurationException($"data.classConditional is true but {dataset.Name} has no labels. Set it to false (--cond false), or add class folders or a dataset.json.");
        }

        training = config.Training;
        Images = ImageSet.ForTraining(dataset, RunImages.Selection(config));
        Reader = new ShardReader(Images, new BatchSequence(Images.Count, config.Seed, config.Data.Shuffle), training.BatchSize, config.Shards);
        if (training.MicroBatchSize > 0 && Reader.ImagesPerShard > training.MicroBatchSize && Reader.ImagesPerShard % training.MicroBatchSize != 0)
        {
            throw new ConfigurationException($"training.microBatchSize is {training.MicroBatchSize}, which does not divide a shard's {Reader.ImagesPerShard} images ({training.BatchSize} over {config.Shards} shards). Try {Enumerable.Range(1, training.MicroBatchSize).Last(n => Reader.ImagesPerShard % n == 0)}.");
        }
    }

    /// <summary>The images trained on.</summary>
    public ImageSet Images { get; }

    public ShardReader Reader { get; }

    /// <summary>Images in one forward pass.</summary>
    public int MicroBatch => training.MicroBatchSize > 0 ? Math.Min(training.MicroBatchSize, Reader.ImagesPerShard) : Reader.ImagesPerShard;

    /// <summary>What the network sees of one image.</summary>
    public Model.Networks.ImageShape NetworkShape => ShapeFor(Images);

    /// <summary>Latents reach the network with half the stored channels: means and standard deviations become draws.</summary>
    public static Model.Networks.ImageShape ShapeFor(ImageSet images) => new(
        images.Shape.Height,
        images.Element == ImageElement.Latent ? LatentEncoder.FinalChannels : images.Shape.Channels,
        images.LabelDim);
}
