using System.Collections;
using TorchSharp;

namespace Diffusion.Native;

/// <summary>Leaves of the autograd graph whose values lie in one arena and whose gradients lie in another.</summary>
/// <remarks>
/// Each leaf is a detached view with a preset <c>.grad</c>: backward adds to the gradient arena in place, so clearing all gradients is one fill.
/// Views made by <c>detach</c> share one version counter: weights may change between a backward pass and the next forward pass, not in between.
/// Never set a leaf's <c>.grad</c> to null; that would cut it off from the arena.
/// </remarks>
public sealed class ArenaParameters : IReadOnlyList<torch.Tensor>, IDisposable
{
    private readonly torch.Tensor[] leaves;
    private readonly torch.Tensor[] gradients;
    private readonly ArenaLayout layout;

    private ArenaParameters(ArenaLayout layout, torch.Tensor[] leaves, torch.Tensor[] gradients)
    {
        this.layout = layout;
        this.leaves = leaves;
        this.gradients = gradients;
    }

    /// <summary>Number of parameters.</summary>
    public int Count => leaves.Length;

    /// <summary>One parameter: a leaf that requires gradients. Owned by this object.</summary>
    /// <param name="index">Number of the slot.</param>
    public torch.Tensor this[int index] => leaves[index];

    /// <summary>One parameter: a leaf that requires gradients. Owned by this object.</summary>
    /// <param name="name">Name of the slot.</param>
    public torch.Tensor this[string name] => leaves[layout.IndexOf(name)];

    /// <summary>Makes the leaves.</summary>
    /// <param name="weights">Holds the values; outlives the leaves.</param>
    /// <param name="gradients">Receives the gradients, same layout and device; outlives the leaves.</param>
    public static ArenaParameters Bind(Arena weights, Arena gradients)
    {
        weights.RequireSameLayout(gradients);
        var leaves = new torch.Tensor[weights.Layout.Slots.Count];
        var views = new torch.Tensor[leaves.Length];
        for (int slot = 0; slot < leaves.Length; slot++)
        {
            using var view = weights.View(slot);
            leaves[slot] = view.detach().requires_grad_(true).DetachFromDisposeScope();
            views[slot] = gradients.View(slot).DetachFromDisposeScope();
            leaves[slot].grad = views[slot];
        }

        return new ArenaParameters(weights.Layout, leaves, views);
    }

    /// <inheritdoc/>
    public IEnumerator<torch.Tensor> GetEnumerator() => ((IEnumerable<torch.Tensor>)leaves).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Frees the leaves; the arenas stay.</summary>
    public void Dispose()
    {
        foreach (var tensor in leaves.Concat(gradients))
        {
            tensor.Dispose();
        }
    }
}
