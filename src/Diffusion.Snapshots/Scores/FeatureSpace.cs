namespace Diffusion.Snapshots.Scores;

/// <summary>What turns images into vectors before two sets of images are compared. Numbers from different feature spaces have nothing to do with each other.</summary>
/// <param name="Name">What a person calls it, e.g. the file's name; no part of the identity.</param>
/// <param name="Hash">SHA-256 (hex) of the network's file, or of what defines the vectors where there is no file.</param>
/// <param name="Input">How pixels reach the network, e.g. <c>uint8</c> or <c>imagenet-224</c>.</param>
/// <param name="Dimension">Length of a vector.</param>
public sealed record FeatureSpace(string Name, string Hash, string Input, int Dimension)
{
    /// <summary>Whether vectors of the two spaces may be compared: same network, same input, same length.</summary>
    public bool IsSameAs(FeatureSpace other) => Hash == other.Hash && Input == other.Input && Dimension == other.Dimension;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Hash[..Math.Min(12, Hash.Length)]}…, {Input} input, {Dimension} features)";
}
