using Diffusion.Contracts.Configuration;
using Diffusion.Data;

namespace Diffusion.Evaluation.Weights;

/// <summary>Which images of a data set a run learns, and which it keeps out to be measured on.</summary>
public static class RunImages
{
    /// <summary>The selection a run's configuration describes; the same for training and evaluation, so that the two are disjoint.</summary>
    public static ImageSetOptions Selection(RunConfig config) => new()
    {
        UseLabels = config.Data.ClassConditional,
        MirrorX = config.Data.Mirror,
        MaxSize = config.Data.MaxImages,
        RandomSeed = config.Seed,
        HeldOut = config.Data.HeldOut,
    };

    /// <summary>The images kept out of training.</summary>
    /// <exception cref="DatasetException">The run keeps none.</exception>
    public static ImageSet HeldOut(RunConfig config, PackedDataset dataset) => ImageSet.ForEvaluation(dataset, Selection(config));
}
