namespace Diffusion.Model.Networks;

/// <summary>Hands out the named places of a network's tensors; the order of the calls is the order of the state dictionary and of the random draws.</summary>
internal sealed class TensorRegistry
{
    private readonly List<NetworkTensor> all = [];

    public IReadOnlyList<NetworkTensor> All => all;

    /// <summary>A weight, N(0, 1), kept at unit rms per output by forced normalisation.</summary>
    public NetworkParameter Weight(string name, params long[] shape)
        => Add(new NetworkParameter(name, shape, (size, generator) => torch.randn(size, generator: generator), isNormalized: true));

    /// <summary>A learned scalar that starts at 0.</summary>
    public NetworkParameter Gain(string name)
        => Add(new NetworkParameter(name, [], (size, _) => torch.zeros(size), isNormalized: false));

    /// <summary>A buffer drawn as scale · N(0, 1).</summary>
    public NetworkBuffer NormalBuffer(string name, long count, double scale)
        => Add(new NetworkBuffer(name, [count], (size, generator) => torch.randn(size, generator: generator).mul_(scale)));

    /// <summary>A buffer drawn as scale · U[0, 1).</summary>
    public NetworkBuffer UniformBuffer(string name, long count, double scale)
        => Add(new NetworkBuffer(name, [count], (size, generator) => torch.rand(size, generator: generator).mul_(scale)));

    private T Add<T>(T place) where T : NetworkTensor
    {
        all.Add(place);
        return place;
    }
}
