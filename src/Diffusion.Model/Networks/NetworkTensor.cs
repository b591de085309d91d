namespace Diffusion.Model.Networks;

/// <summary>
/// A named place for one tensor of a network. Layers hold the place, not the tensor, so that whoever trains can bind every parameter
/// to a view of one flat arena, and so that a network can be described and counted before a single byte of it is allocated.
/// </summary>
/// <remarks>The place owns its tensor: binding another one disposes the one before, and disposing the network disposes what is bound then.</remarks>
public abstract class NetworkTensor
{
    private readonly long[] shape;
    private readonly Func<long[], Generator, Tensor> draw;
    private Tensor? value;

    private protected NetworkTensor(string name, long[] shape, Func<long[], Generator, Tensor> draw)
    {
        Name = name;
        this.shape = shape;
        this.draw = draw;
        ElementCount = shape.Aggregate(1L, (product, size) => product * size);
    }

    /// <summary>Name in the state dictionary, such as <c>unet.enc.64x64_block0.conv_res0.weight</c>.</summary>
    public string Name { get; }

    /// <summary>Sizes of all dimensions; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape => shape;

    /// <summary>Product of <see cref="Shape"/>; 1 for a scalar.</summary>
    public long ElementCount { get; }

    /// <summary>Whether a tensor is bound.</summary>
    public bool HasValue => value is not null;

    /// <summary>The bound tensor, float32 of <see cref="Shape"/>. Setting takes ownership (also out of any dispose scope) and disposes the tensor bound before.</summary>
    /// <exception cref="InvalidOperationException">Read before anything was bound.</exception>
    /// <exception cref="ArgumentException">The new tensor has another shape.</exception>
    public Tensor Value
    {
        get => value ?? throw new InvalidOperationException($"{Name} has no tensor yet. Initialize the network, load a state into it, or bind the tensor.");
        set
        {
            var previous = Exchange(value);
            if (!ReferenceEquals(previous, value))
            {
                previous?.Dispose();
            }
        }
    }

    /// <summary>Binds <paramref name="replacement"/> and hands the tensor bound before to the caller instead of disposing it.</summary>
    /// <param name="replacement">Tensor of the same shape; owned by the network from here on.</param>
    /// <returns>What was bound before, now the caller's to dispose; null if nothing was.</returns>
    public Tensor? Exchange(Tensor replacement)
    {
        if (!replacement.shape.AsSpan().SequenceEqual(shape))
        {
            throw new ArgumentException($"{Name} has shape [{string.Join(", ", shape)}]; the tensor given has [{string.Join(", ", replacement.shape)}]. Was it made for other network options?", nameof(replacement));
        }

        var previous = value;
        value = replacement.DetachFromDisposeScope();
        return previous;
    }

    /// <summary>Draws the initial value; what is bound is overwritten in place, what is not is allocated.</summary>
    internal void Initialize(Generator generator, Device? device)
    {
        using var drawn = draw(shape, generator);
        Write(drawn, device);
    }

    /// <summary>Copies numbers in; what is not bound yet is allocated on the device given (default: where the numbers are).</summary>
    internal void Write(Tensor numbers, Device? device)
    {
        if (value is not null)
        {
            value.copy_(numbers);
        }
        else
        {
            using var scope = torch.NewDisposeScope();
            var single = numbers.to(ScalarType.Float32);
            Value = (device is null ? single : single.to(device)).clone();
        }
    }

    internal void Release()
    {
        value?.Dispose();
        value = null;
    }
}

/// <summary>A trained tensor: it has a gradient, optimizer moments and running averages.</summary>
public sealed class NetworkParameter : NetworkTensor
{
    internal NetworkParameter(string name, long[] shape, Func<long[], Generator, Tensor> draw, bool isNormalized)
        : base(name, shape, draw) => IsNormalized = isNormalized;

    /// <summary>Whether forced weight normalisation applies: each output row is brought to unit rms before a training step (EDM2, arXiv:2312.02696, configuration E).</summary>
    public bool IsNormalized { get; }
}

/// <summary>A fixed tensor, drawn once and never trained: Fourier frequencies and phases. Averages do not apply; snapshots copy it.</summary>
public sealed class NetworkBuffer : NetworkTensor
{
    internal NetworkBuffer(string name, long[] shape, Func<long[], Generator, Tensor> draw)
        : base(name, shape, draw)
    {
    }
}
