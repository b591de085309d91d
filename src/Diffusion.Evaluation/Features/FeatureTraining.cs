using System.Text.Json;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Evaluation.Features;

/// <summary>How a small feature network is trained.</summary>
public sealed record FeatureTrainingOptions
{
    /// <summary>Passes over the images.</summary>
    /// <value>10.</value>
    public int Epochs { get; init; } = 10;

    /// <summary>Images in a step.</summary>
    /// <value>64.</value>
    public int BatchSize { get; init; } = 64;

    /// <summary>Largest learning rate of Adam; it falls to zero along a half cosine.</summary>
    /// <value>0.002.</value>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Channels of the first layer; a feature vector is twice as long.</summary>
    /// <value>32.</value>
    public int Width { get; init; } = 32;

    /// <summary>Seed of the initial weights and of the order of images.</summary>
    /// <value>0.</value>
    public long Seed { get; init; }

    /// <summary>Every problem found.</summary>
    public IEnumerable<string> Problems()
    {
        if (Epochs < 1 || BatchSize < 1 || !(LearningRate > 0 && double.IsFinite(LearningRate)))
        {
            yield return $"epochs is {Epochs}, batch {BatchSize}, learning rate {LearningRate}; all must be positive.";
        }
    }
}

/// <summary>How far a training is.</summary>
/// <param name="Epoch">Epochs done.</param>
/// <param name="Epochs">Epochs in all.</param>
/// <param name="Loss">Mean cross entropy of the epoch.</param>
public readonly record struct FeatureTrainingProgress(int Epoch, int Epochs, double Loss);

/// <summary>A trained feature network.</summary>
/// <param name="Space">Its feature space, named by its file's digest.</param>
/// <param name="Accuracy">Share of held-out images that it classifies right.</param>
/// <param name="HeldOutImages">How many they are.</param>
/// <param name="Chance">What guessing the most frequent class would reach.</param>
public sealed record FeatureTrainingResult(FeatureSpace Space, double Accuracy, int HeldOutImages, double Chance);

/// <summary>Trains a small classifier on a data set's own classes, as a feature space where there is no published network at hand. The same images, options and machine give the same bits.</summary>
public sealed class FeatureTraining
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.99;
    private const double Epsilon = 1e-8;
    private static readonly JsonSerializerOptions OneLine = new(StrictJson.Options) { WriteIndented = false };

    private readonly ImageSet images;
    private readonly ImageSet heldOut;
    private readonly FeatureTrainingOptions options;
    private readonly long[] classes;

    /// <summary>Prepares a training.</summary>
    /// <param name="images">Images to learn; whole classes, pixels.</param>
    /// <param name="heldOut">Images of the same data set to measure the accuracy on.</param>
    /// <param name="options">How.</param>
    /// <exception cref="DatasetException">The images are unlabelled, latents, not square, or labelled by vectors.</exception>
    /// <exception cref="ConfigurationException">The options have problems.</exception>
    public FeatureTraining(ImageSet images, ImageSet heldOut, FeatureTrainingOptions options)
    {
        (this.images, this.heldOut, this.options) = (images, heldOut, options);
        var dataset = images.Dataset;
        if (dataset.Labels.Kind != LabelKind.Class || dataset.Labels.Dimension < 2)
        {
            throw new DatasetException($"{dataset.Name} has {(dataset.Labels.Kind == LabelKind.Vector ? "vectors for labels" : "no two classes")}, so a feature network cannot learn to tell its images apart. Put them into one folder per class or add a dataset.json; or measure without one: the metric swd, the held-out loss, or --features with a published network.");
        }

        if (images.Element != ImageElement.Pixel || !images.Shape.IsSquare)
        {
            throw new DatasetException($"{dataset.Name} holds {(images.Element == ImageElement.Pixel ? $"images of {images.Shape}, which are not square" : "latents")}; a feature network learns from square pixel images. Convert them with 'dataset convert'.");
        }

        Classifier = new FeatureClassifierOptions { Channels = images.Shape.Channels, Resolution = images.Shape.Height, Classes = dataset.Labels.Dimension, Width = options.Width };
        string[] problems = [.. options.Problems(), .. Classifier.Problems()];
        if (problems.Length > 0)
        {
            throw new ConfigurationException(problems);
        }

        classes = dataset.Labels.Classes.ToArray();
    }

    /// <summary>The network that will be trained.</summary>
    public FeatureClassifierOptions Classifier { get; }

    /// <summary>Trains and saves.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="progress">Told after each epoch.</param>
    /// <param name="cancellationToken">Checked before each step; nothing is written then.</param>
    public FeatureTrainingResult Run(string path, IProgress<FeatureTrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var generator = new Generator((ulong)TupleSeed.Hash(options.Seed, 0x666561), torch.CPU);
        using var classifier = new FeatureClassifier(Classifier, generator);
        using var moments = new Moments(classifier);
        var order = new BatchSequence(images.Count, options.Seed);
        int batch = Math.Min(options.BatchSize, images.Count);
        long steps = Math.Max(1, (long)options.Epochs * images.Count / batch);
        int epoch = 0;
        double sum = 0;
        int summed = 0;
        for (long step = 0; step < steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double rate = options.LearningRate * 0.5 * (1 + Math.Cos(Math.PI * step / steps));
            int[] members = [.. Enumerable.Range(0, batch).Select(i => (int)order.ImageIndexAt((step * batch) + i))];
            sum += Step(classifier, moments, members, rate, step + 1);
            summed++;
            if ((step + 1) * options.Epochs / steps > epoch)
            {
                progress?.Report(new FeatureTrainingProgress(++epoch, options.Epochs, sum / summed));
                (sum, summed) = (0, 0);
            }
        }

        double accuracy = Accuracy(classifier, cancellationToken);
        TrainedFeatures.Save(path, classifier, Description(accuracy));
        using var trained = TrainedFeatures.Load(path);
        double chance = Enumerable.Range(0, heldOut.Count).GroupBy(i => classes[heldOut.RawIndexOf(i)]).Max(g => g.Count()) / (double)heldOut.Count;
        return new FeatureTrainingResult(trained.Space, accuracy, heldOut.Count, chance);
    }

    private double Step(FeatureClassifier classifier, Moments moments, int[] members, double rate, long step)
    {
        using var scope = torch.NewDisposeScope();
        double loss;
        using (torch.enable_grad())
        {
            foreach (var (_, value) in classifier.Parameters)
            {
                value.requires_grad_();
            }

            var logits = classifier.Logits(classifier.Features(Pixels(images, members)));
            using var cross = torch.nn.functional.cross_entropy(logits, Labels(images, members));
            cross.backward();
            loss = cross.ToDouble();
        }

        if (!double.IsFinite(loss))
        {
            throw new InvalidOperationException($"The loss of the feature network is {loss} in step {step}. Train it with a smaller learning rate than {options.LearningRate}.");
        }

        moments.Apply(rate, step);
        return loss;
    }

    private double Accuracy(FeatureClassifier classifier, CancellationToken cancellationToken)
    {
        using var guard = torch.no_grad();
        int right = 0;
        foreach (int[] members in Enumerable.Range(0, heldOut.Count).Chunk(256))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = torch.NewDisposeScope();
            var guesses = classifier.Logits(classifier.Features(Pixels(heldOut, members))).argmax(1);
            right += (int)guesses.eq(Labels(heldOut, members)).sum().ToInt64();
        }

        return (double)right / heldOut.Count;
    }

    private static Tensor Pixels(ImageSet set, int[] members)
    {
        var shape = set.Shape;
        byte[] pixels = new byte[members.Length * shape.Elements];
        for (int i = 0; i < members.Length; i++)
        {
            set.CopyImage(members[i], pixels.AsSpan(i * shape.Elements, shape.Elements));
        }

        return torch.tensor(pixels).reshape(members.Length, shape.Channels, shape.Height, shape.Width).to(ScalarType.Float32).div(127.5).sub(1);
    }

    private Tensor Labels(ImageSet set, int[] members) => torch.tensor(members.Select(m => classes[set.RawIndexOf(m)]).ToArray());

    private string Description(double accuracy) => JsonSerializer.Serialize(
        new { Data = images.Dataset.Digest, Images = images.Count, HeldOut = heldOut.Count, Accuracy = Math.Round(accuracy, 4), Options = options, Libtorch = torch.__version__ },
        OneLine);

    /// <summary>Adam (Kingma and Ba, arXiv:1412.6980) over the classifier's parameters.</summary>
    private sealed class Moments : IDisposable
    {
        private readonly List<(Tensor Weight, Tensor First, Tensor Second)> all = [];

        public Moments(FeatureClassifier classifier)
        {
            using var scope = torch.NewDisposeScope();
            all.AddRange(classifier.Parameters.Select(p => (p.Value, p.Value.zeros_like().DetachFromDisposeScope(), p.Value.zeros_like().DetachFromDisposeScope())));
        }

        public void Apply(double rate, long step)
        {
            using var guard = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            foreach (var (weight, first, second) in all)
            {
                using var gradient = weight.grad!;
                first.mul_(Beta1).add_(gradient, 1 - Beta1);
                second.mul_(Beta2).addcmul_(gradient, gradient, 1 - Beta2);
                var scale = second.div(1 - Math.Pow(Beta2, step)).sqrt().add(Epsilon);
                weight.requires_grad_(false);
                weight.addcdiv_(first, scale, -rate / (1 - Math.Pow(Beta1, step)));
                weight.grad = null;
            }
        }

        public void Dispose() => all.ForEach(m =>
        {
            m.First.Dispose();
            m.Second.Dispose();
        });
    }
}
