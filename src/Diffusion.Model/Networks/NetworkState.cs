namespace Diffusion.Model.Networks;

/// <summary>Initial values, loading and reading of a network's tensors by name.</summary>
public static class NetworkState
{
    /// <summary>Number of trained values.</summary>
    public static long ParameterCount(this INetwork network) => network.Parameters.Sum(parameter => parameter.ElementCount);

    /// <summary>
    /// Draws every tensor in registration order. Tensors that are bound are overwritten in place; others are allocated on <paramref name="device"/>.
    /// </summary>
    /// <param name="network">Network to fill.</param>
    /// <param name="generator">A CPU generator, whatever the device, so that a seed means the same weights everywhere.</param>
    /// <param name="device">Where to allocate; null for the CPU.</param>
    public static void Initialize(this INetwork network, Generator generator, Device? device = null)
    {
        using var guard = torch.no_grad();
        foreach (var place in network.StateOrder)
        {
            place.Initialize(generator, device);
        }
    }

    /// <summary>Copies a complete state in, converting to float32. Tensors that are not bound are allocated on <paramref name="device"/>.</summary>
    /// <param name="network">Network to fill.</param>
    /// <param name="state">Tensors by state-dictionary name; not disposed.</param>
    /// <param name="device">Where to allocate; null for where each given tensor is.</param>
    /// <exception cref="ArgumentException">Names or shapes differ from the network's; all differences are listed.</exception>
    public static void LoadState(this INetwork network, IReadOnlyDictionary<string, Tensor> state, Device? device = null)
    {
        if (network.Misfit(state.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<long>)pair.Value.shape)) is { } differences)
        {
            throw new ArgumentException($"The state does not fit the network: {differences}. Build the network from the options stored with the state.", nameof(state));
        }

        using var guard = torch.no_grad();
        foreach (var place in network.StateOrder)
        {
            place.Write(state[place.Name], device);
        }
    }

    /// <summary>How names and shapes differ from those of the network's own state; null if they are the same.</summary>
    /// <param name="network">Network to fill.</param>
    /// <param name="shapes">Shapes by state-dictionary name.</param>
    public static string? Misfit(this INetwork network, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        var problems = Differences(network, shapes).ToList();
        return problems.Count == 0 ? null : string.Join("; ", problems.Take(10)) + (problems.Count > 10 ? $"; and {problems.Count - 10} more" : "");
    }

    /// <summary>The bound tensors by name, in state order. They stay the network's.</summary>
    public static IReadOnlyList<KeyValuePair<string, Tensor>> ReadState(this INetwork network)
        => [.. network.StateOrder.Select(place => KeyValuePair.Create(place.Name, place.Value))];

    /// <summary>Switches gradients of all parameters on or off. Networks start without, as sampling wants them.</summary>
    public static void RequireGradients(this INetwork network, bool required = true)
    {
        foreach (var parameter in network.Parameters)
        {
            parameter.Value.requires_grad = required;
        }
    }

    private static IEnumerable<string> Differences(INetwork network, IReadOnlyDictionary<string, IReadOnlyList<long>> shapes)
    {
        var known = network.StateOrder.ToDictionary(place => place.Name);
        foreach (var place in network.StateOrder)
        {
            if (!shapes.TryGetValue(place.Name, out var shape))
            {
                yield return $"{place.Name} is missing";
            }
            else if (!shape.SequenceEqual(place.Shape))
            {
                yield return $"{place.Name} is [{string.Join(", ", shape)}], not [{string.Join(", ", place.Shape)}]";
            }
        }

        foreach (string name in shapes.Keys.Where(name => !known.ContainsKey(name)))
        {
            yield return $"{name} is unknown";
        }
    }
}
