using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Features;

/// <summary>The feature space of a small network that was trained on a data set's own labels; see <see cref="FeatureTraining"/>.</summary>
/// <remarks>Runs on the CPU, where its vectors have the same bits for everyone; it is far cheaper than sampling.</remarks>
public sealed class TrainedFeatures : IFeatureNetwork
{
    private const string KindKey = "kind";
    private const string Kind = "diffusion-features-1";
    private const string OptionsKey = "options";
    private const string TrainingKey = "training";
    private const string Remedy = "Train it again with 'features train'.";

    private readonly FeatureClassifier classifier;

    private TrainedFeatures(FeatureClassifier classifier, FeatureSpace space)
    {
        this.classifier = classifier;
        Space = space;
    }

    /// <inheritdoc/>
    public FeatureSpace Space { get; }

    /// <summary>Images it was made for.</summary>
    public ImageShape Shape => classifier.Options.Shape;

    /// <summary>Whether a file is one of these.</summary>
    public static bool IsAt(string path)
    {
        try
        {
            using var file = SafetensorsFile.Open(path);
            return file.Metadata.GetValueOrDefault(KindKey) == Kind;
        }
        catch (DamagedFileException)
        {
            return false;
        }
    }

    /// <summary>Loads a trained network; its digest is verified.</summary>
    /// <exception cref="DamagedFileException">The file is damaged or another kind of file.</exception>
    public static TrainedFeatures Load(string path)
    {
        using var file = SafetensorsFile.Open(path);
        if (file.Metadata.GetValueOrDefault(KindKey) != Kind || !file.Metadata.TryGetValue(OptionsKey, out string? json))
        {
            throw new DamagedFileException(path, "it is no feature network of this program", Remedy);
        }

        string hash = file.Verify().ContentId;
        var options = StrictJson.Parse<FeatureClassifierOptions>(json, $"The options in {path}");
        if (options.Problems().FirstOrDefault() is { } problem)
        {
            throw new DamagedFileException(path, problem.TrimEnd('.'), Remedy);
        }

        var classifier = new FeatureClassifier(options, generator: null);
        try
        {
            using var scope = torch.NewDisposeScope();
            foreach (var (name, value) in classifier.Parameters)
            {
                if (!file.TryGetEntry(name, out var entry) || !entry.Shape.SequenceEqual(value.shape))
                {
                    throw new DamagedFileException(path, $"its tensor {name} is missing or of another shape than its options say", Remedy);
                }

                value.copy_(torch.tensor(file.Float32(name)).reshape(value.shape));
            }

            return new TrainedFeatures(classifier, new FeatureSpace(Path.GetFileName(path), hash, "signed", options.Dimension));
        }
        catch
        {
            classifier.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public float[] Extract(ReadOnlySpan<byte> pixels, ImageShape shape)
    {
        if (shape != Shape)
        {
            throw new ArgumentException($"Feature network {Space.Name} is for images of {Shape}, not of {shape}. Train one on these images with 'features train'.", nameof(shape));
        }

        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var images = torch.tensor(pixels.ToArray()).reshape(-1, shape.Channels, shape.Height, shape.Width).to(ScalarType.Float32).div(127.5).sub(1);
        return classifier.Features(images).contiguous().data<float>().ToArray();
    }

    /// <inheritdoc/>
    public void Dispose() => classifier.Dispose();

    internal static void Save(string path, FeatureClassifier classifier, string training)
    {
        TensorSpec[] tensors = [.. classifier.Parameters.Select(p => new TensorSpec(p.Name, ElementType.Float32, p.Value.shape))];
        var metadata = new Dictionary<string, string> { [KindKey] = Kind, [OptionsKey] = StrictJson.Write(classifier.Options), [TrainingKey] = training };
        using var writer = SafetensorsWriter.Create(path, tensors, metadata);
        foreach (var (_, value) in classifier.Parameters)
        {
            writer.WriteFloat32(value.contiguous().data<float>().ToArray());
        }

        writer.Complete();
    }
}
