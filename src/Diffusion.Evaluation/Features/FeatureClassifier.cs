using Diffusion.Contracts.Configuration;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Features;

/// <summary>What a small feature network is made of.</summary>
public sealed record FeatureClassifierOptions
{
    /// <summary>Channels of the images.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Height and width of the images.</summary>
    public int Resolution { get; init; } = 16;

    /// <summary>Classes it tells apart.</summary>
    public int Classes { get; init; } = 10;

    /// <summary>Channels of the first layer; all others have twice as many, and so has the feature vector.</summary>
    public int Width { get; init; } = 32;

    /// <summary>Every problem found.</summary>
    public IEnumerable<string> Problems()
    {
        if (Channels is not (1 or 3))
        {
            yield return $"channels is {Channels}; a feature network takes images of 1 or 3 channels.";
        }

        if (Resolution is < 8 or > 512)
        {
            yield return $"resolution is {Resolution}; a feature network takes images of 8 to 512 pixels.";
        }

        if (Classes is < 2 or > 4096)
        {
            yield return $"classes is {Classes}; a feature network learns to tell 2 to 4096 classes apart.";
        }

        if (Width is < 8 or > 512 || Width % 8 != 0)
        {
            yield return $"width is {Width}; 8 to 512, a multiple of 8.";
        }
    }

    internal ImageShape Shape => new(Channels, Resolution, Resolution);

    internal int Dimension => 2 * Width;
}

/// <summary>
/// A small convolutional classifier: 3 × 3 convolutions with group normalisation, halving the image to a side of 4 to 7, a mean over what is left, and one linear layer.
/// The mean is the feature vector.
/// </summary>
internal sealed class FeatureClassifier : IDisposable
{
    private const int Groups = 8;
    private const int SmallestSide = 4;

    private readonly List<(string Name, Tensor Value)> parameters = [];
    private readonly List<int> strides = [];

    /// <param name="options">Sound options.</param>
    /// <param name="generator">Draws the initial weights; null leaves them zero, to be loaded.</param>
    public FeatureClassifier(FeatureClassifierOptions options, Generator? generator)
    {
        Options = options;
        AddLayer(options.Channels, options.Width, stride: 1, generator);
        for (int side = options.Resolution, input = options.Width; side / 2 >= SmallestSide; side /= 2, input = options.Dimension)
        {
            AddLayer(input, options.Dimension, stride: 2, generator);
        }

        AddLayer(strides.Count == 1 ? options.Width : options.Dimension, options.Dimension, stride: 1, generator);
        Add("classifier.weight", [options.Classes, options.Dimension], generator, Math.Sqrt(1.0 / options.Dimension));
        Add("classifier.bias", [options.Classes], null, 0);
    }

    public FeatureClassifierOptions Options { get; }

    /// <summary>Weights by name, in a fixed order.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Parameters => parameters;

    /// <summary>[n, C, H, W] in −1…1 → [n, D].</summary>
    public Tensor Features(Tensor images)
    {
        var x = images;
        for (int layer = 0; layer < strides.Count; layer++)
        {
            x = torch.nn.functional.conv2d(x, Of(layer, 0), strides: [strides[layer], strides[layer]], padding: [1, 1]);
            x = torch.nn.functional.relu(torch.nn.functional.group_norm(x, Groups, Of(layer, 1), Of(layer, 2)));
        }

        return x.mean([2, 3]);
    }

    /// <summary>[n, D] → [n, classes].</summary>
    public Tensor Logits(Tensor features) => torch.nn.functional.linear(features, parameters[^2].Value, parameters[^1].Value);

    public void Dispose() => parameters.ForEach(p => p.Value.Dispose());

    private Tensor Of(int layer, int which) => parameters[(3 * layer) + which].Value;

    private void AddLayer(int input, int output, int stride, Generator? generator)
    {
        string name = $"layers.{strides.Count}";
        Add($"{name}.weight", [output, input, 3, 3], generator, Math.Sqrt(2.0 / (9 * input)));
        Add($"{name}.gain", [output], null, 1);
        Add($"{name}.bias", [output], null, 0);
        strides.Add(stride);
    }

    // Without a generator, the scale is the value.
    private void Add(string name, long[] shape, Generator? generator, double scale)
    {
        using var scope = torch.NewDisposeScope();
        var value = generator is null ? torch.full(shape, scale, dtype: ScalarType.Float32) : torch.randn(shape, dtype: ScalarType.Float32, generator: generator).mul(scale);
        parameters.Add((name, value.DetachFromDisposeScope()));
    }
}
