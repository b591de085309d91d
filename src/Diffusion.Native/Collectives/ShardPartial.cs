namespace Diffusion.Native.Collectives;

/// <summary>The sum of the gradients of the shards under one node of the tree.</summary>
/// <param name="Range">The node.</param>
/// <param name="Sum">Their sum, in tree order.</param>
public readonly record struct ShardPartial(ShardRange Range, Arena Sum);
