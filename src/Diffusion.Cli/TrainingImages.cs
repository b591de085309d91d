using Diffusion.Cli.Display;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Weights;
using Diffusion.Model;
using NetworkImages = Diffusion.Model.Networks.ImageShape;

namespace Diffusion.Cli;

/// <summary>The images of a local run: drawn if none were given, packed once, checked against the configuration before any process starts.</summary>
internal static class TrainingImages
{
    private const string DataFolder = "data";

    /// <summary>Refuses a configuration whose data nobody gave and nobody can draw, or whose path leads nowhere.</summary>
    /// <exception cref="ConfigurationException">It is one.</exception>
    public static void RequireKnown(RunConfig config, bool mayDraw)
    {
        if (config.Data.Path.Length > 0 && !Path.Exists(config.Data.Path))
        {
            throw new ConfigurationException($"data.path {config.Data.Path} does not exist. Give {ImageSources.Kinds}.");
        }

        if (config.Data.Path.Length == 0 && !mayDraw)
        {
            throw new ConfigurationException($"data.path is empty. This configuration needs images of yours: --data PATH, where PATH is {ImageSources.Kinds}. Only the preset {RunPresets.Default} draws shapes for itself.");
        }
    }

    /// <summary>Draws (if need be), packs and checks.</summary>
    /// <returns>The configuration with the data's path, and the packed folder that all processes of this machine share.</returns>
    /// <exception cref="ConfigurationException">Images and configuration do not go together.</exception>
    /// <exception cref="DatasetException">The images cannot be used.</exception>
    public static (RunConfig Config, string Packed) Prepare(RunConfig config, RunDirectory run, bool mayDraw, CancellationToken cancellationToken)
    {
        RequireKnown(config, mayDraw);
        string source = config.Data.Path.Length > 0 ? config.Data.Path : Shapes(DataOf(run), cancellationToken);
        using var bar = new ConsoleProgress($"Packing {source}");
        using var dataset = new DatasetCache(CacheOf(run)).Open(source, bar, cancellationToken);
        var ready = config with { Data = config.Data with { Path = source } };
        RequireFit(ready, dataset);
        return (ready, dataset.Directory);
    }

    /// <summary>The images of a run that was started, packed.</summary>
    /// <exception cref="DatasetException">They are not where they were.</exception>
    public static PackedDataset Open(RunDirectory run, RunConfig config, CancellationToken cancellationToken) => new DatasetCache(CacheOf(run)).Open(config.Data.Path, null, cancellationToken);

    /// <summary>Where the runs beside this one keep packed images.</summary>
    public static string CacheOf(RunDirectory run) => Path.Combine(DataOf(run), "packed");

    private static string DataOf(RunDirectory run) => Path.Combine(Path.GetDirectoryName(run.Path)!, DataFolder);

    private static void RequireFit(RunConfig config, PackedDataset dataset)
    {
        if (!dataset.Shape.IsSquare)
        {
            throw new ConfigurationException($"data.path: images of {dataset.Name} are {dataset.Shape.Width}x{dataset.Shape.Height}; a network needs square ones. Convert them with 'diffusion dataset convert --transform center-crop --resolution'.");
        }

        if (config.Data.ClassConditional && dataset.Labels.Dimension == 0)
        {
            throw new ConfigurationException($"data.classConditional is true but {dataset.Name} has no labels. Give --cond false, or add class folders or a dataset.json.");
        }

        if (config.Data.HeldOut >= dataset.Count)
        {
            throw new ConfigurationException($"data.heldOut is {config.Data.HeldOut}, but {dataset.Name} has only {dataset.Count} images. Try --held-out {dataset.Count / 10}.");
        }

        var images = ImageSet.ForTraining(dataset, RunImages.Selection(config));
        if (images.Count < config.Training.BatchSize)
        {
            throw new ConfigurationException($"training.batchSize is {config.Training.BatchSize}, but only {images.Count} images of {dataset.Name} are trained on. Give more images or a smaller --batch.");
        }

        int channels = dataset.Element == ImageElement.Latent ? Data.LatentEncoder.FinalChannels : dataset.Shape.Channels;
        var shape = new NetworkImages(dataset.Shape.Height, channels, images.LabelDim);
        var problems = ModelParts.Problems(config, shape).ToArray();
        if (problems.Length > 0)
        {
            throw new ConfigurationException(problems);
        }

        Configuration.StartingWeights.RequireFit(config, shape);
    }

    private static string Shapes(string parent, CancellationToken cancellationToken)
    {
        string directory = Path.Combine(parent, "shapes-16");
        if (!Directory.Exists(directory))
        {
            Console.WriteLine($"No --data given: drawing ten classes of shapes into {directory}");
            Directory.CreateDirectory(parent);
            ShapesDataset.Write(directory, new ShapesOptions(), null, cancellationToken);
        }

        return directory;
    }
}
