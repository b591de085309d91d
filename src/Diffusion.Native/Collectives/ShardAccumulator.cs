using TorchSharp;

namespace Diffusion.Native.Collectives;

/// <summary>Adds up the gradients of a rank's shards, in tree order, as they are produced.</summary>
/// <remarks>
/// A binary counter: two partial sums of equal, brotherly nodes are added as soon as both exist. For a range that begins on a boundary of its own size at most
/// log2(V) partial sums live at once, and one remains at the end when the range is a node of the tree. Buffers are kept for the next step.
/// </remarks>
public sealed class ShardAccumulator : IDisposable
{
    private readonly ArenaLayout layout;
    private readonly torch.Device device;
    private readonly int threads;
    private readonly List<ShardPartial> partials = [];
    private readonly Stack<Arena> free = [];
    private ShardRange range;
    private int next;

    /// <summary>Makes an accumulator without buffers; they are allocated as they are needed.</summary>
    /// <param name="layout">Layout of the gradients.</param>
    /// <param name="device">Where the sums are kept.</param>
    /// <param name="threads">Threads that add.</param>
    public ShardAccumulator(ArenaLayout layout, torch.Device device, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        this.layout = layout;
        this.device = device;
        this.threads = threads;
    }

    /// <summary>Number of buffers allocated so far.</summary>
    public int BufferCount => partials.Count + free.Count;

    /// <summary>Whether every shard of the range has been added.</summary>
    public bool IsComplete => next == range.End;

    /// <summary>The sums of the range's sub-trees, from left to right. Owned by the accumulator and valid until the next <see cref="Begin"/>.</summary>
    /// <exception cref="InvalidOperationException">Shards are missing.</exception>
    public IReadOnlyList<ShardPartial> Partials => IsComplete
        ? partials
        : throw new InvalidOperationException($"Shards [{next}, {range.End}) of {range} have not been added yet.");

    /// <summary>Starts a step and forgets the sums of the last one, finished or not.</summary>
    /// <param name="shards">The shards of this rank.</param>
    public void Begin(ShardRange shards)
    {
        foreach (var partial in partials)
        {
            free.Push(partial.Sum);
        }

        partials.Clear();
        range = shards;
        next = shards.Start;
    }

    /// <summary>Adds the gradient of the next shard. The gradient is read, not kept and not cleared.</summary>
    /// <param name="shard">The shard; shards come in order.</param>
    /// <param name="gradient">Its gradient.</param>
    public void Add(int shard, Arena gradient)
    {
        if (shard != next || shard >= range.End)
        {
            throw new ArgumentOutOfRangeException(nameof(shard), shard, IsComplete
                ? $"Shard {shard} comes after the last one of {range}; call Begin for the next step."
                : $"Shard {shard} comes when {next} of {range} is due; shards are added in order.");
        }

        next++;
        var node = new ShardRange(shard, shard + 1);
        if (partials.Count == 0 || !partials[^1].Range.IsLeftBrotherOf(node))
        {
            var buffer = free.TryPop(out var pooled) ? pooled : new Arena(layout, device);
            buffer.CopyFrom(gradient);
            partials.Add(new ShardPartial(node, buffer));
            return;
        }

        AddToLast(node, gradient);
        while (partials.Count > 1 && partials[^2].Range.IsLeftBrotherOf(partials[^1].Range))
        {
            var right = partials[^1];
            partials.RemoveAt(partials.Count - 1);
            AddToLast(right.Range, right.Sum);
            free.Push(right.Sum);
        }
    }

    /// <summary>Frees the buffers.</summary>
    public void Dispose()
    {
        Begin(default);
        while (free.TryPop(out var buffer))
        {
            buffer.Dispose();
        }
    }

    private void AddToLast(ShardRange right, Arena rightSum)
    {
        var left = partials[^1];
        ArenaKernels.Add(left.Sum, left.Sum, rightSum, threads);
        partials[^1] = left with { Range = new ShardRange(left.Range.Start, right.End) };
    }
}
