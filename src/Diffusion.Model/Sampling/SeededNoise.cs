namespace Diffusion.Model.Sampling;

/// <summary>
/// One random generator per image, so that an image depends on its seed alone and not on the batch it is made in. Order of draws: the initial
/// noise, then the class if there are any, then the noise of each churning step.
/// </summary>
/// <remarks>Generators live on the device given; those of a GPU and of a CPU draw different numbers.</remarks>
public sealed class SeededNoise : IDisposable
{
    private readonly Generator[] generators;
    private readonly Device device;

    /// <summary>Generators for the given seeds.</summary>
    /// <param name="seeds">One per image; taken modulo 2³².</param>
    /// <param name="device">Where to draw; null for the CPU.</param>
    public SeededNoise(IReadOnlyList<long> seeds, Device? device = null)
    {
        this.device = device ?? torch.CPU;
        generators = [.. seeds.Select(Seeded)];
    }

    /// <summary>Number of images.</summary>
    public int Count => generators.Length;

    /// <summary>Standard normal noise, [N, …<paramref name="imageShape"/>].</summary>
    public Tensor Randn(IReadOnlyList<long> imageShape, ScalarType type = ScalarType.Float32)
        => Stack(generator => torch.randn([.. imageShape], dtype: type, device: device, generator: generator));

    /// <summary>Standard normal noise of the shape and type of a batch; what samplers ask for.</summary>
    public Tensor RandnLike(Tensor batch) => Randn(batch.shape[1..], batch.dtype);

    /// <summary>A uniform integer in [0, <paramref name="bound"/>) per image, [N] int64.</summary>
    public Tensor RandInt(long bound)
        => Stack(generator => torch.randint(0, bound, [1], dtype: ScalarType.Int64, device: device, generator: generator)).flatten();

    /// <summary>One-hot labels, [N, <paramref name="labelDim"/>]; drawn even if a class is forced, so that the noise that follows is the same.</summary>
    /// <param name="labelDim">Number of classes; with 0 there are no labels and nothing is drawn.</param>
    /// <param name="forcedClass">Class of every image instead of the drawn ones.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such class.</exception>
    public Tensor? Labels(int labelDim, int? forcedClass = null)
    {
        if (labelDim == 0)
        {
            return null;
        }

        if (forcedClass is { } forced && (forced < 0 || forced >= labelDim))
        {
            throw new ArgumentOutOfRangeException(nameof(forcedClass), forced, $"class is {forced}; the network has classes 0 to {labelDim - 1}.");
        }

        using var scope = torch.NewDisposeScope();
        var classes = RandInt(labelDim).cpu().data<long>().ToArray();
        var oneHot = new float[classes.Length * labelDim];
        for (int image = 0; image < classes.Length; image++)
        {
            oneHot[(image * labelDim) + (forcedClass ?? (int)classes[image])] = 1;
        }

        return torch.tensor(oneHot).reshape(classes.Length, labelDim).to(device).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var generator in generators)
        {
            generator.Dispose();
        }
    }

    private Generator Seeded(long seed)
    {
        const long Modulus = 1L << 32;
        var generator = new Generator(0, device);
        generator.manual_seed(((seed % Modulus) + Modulus) % Modulus);
        return generator;
    }

    private Tensor Stack(Func<Generator, Tensor> draw)
    {
        using var scope = torch.NewDisposeScope();
        return torch.stack([.. generators.Select(draw)]).MoveToOuterDisposeScope();
    }
}
