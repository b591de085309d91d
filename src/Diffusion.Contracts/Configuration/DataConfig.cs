namespace Diffusion.Contracts.Configuration;

/// <summary>Which images are learnt.</summary>
public sealed record DataConfig
{
    /// <summary>Folder, ZIP or archive of images, or a folder packed by <c>diffusion dataset convert</c>. Not part of the run's digest: boxes may keep the data at different places.</summary>
    public string Path { get; init; } = "";

    /// <summary>Whether the network sees the labels.</summary>
    /// <value>true; an error if the data has none.</value>
    public bool ClassConditional { get; init; } = true;

    /// <summary>Images kept out of training to measure the loss on, balanced over the classes.</summary>
    /// <value>0, as in the paper.</value>
    public int HeldOut { get; init; }

    /// <summary>Train on a random subset of this many images; null for all.</summary>
    public int? MaxImages { get; init; }

    /// <summary>Adds every image's mirror image.</summary>
    /// <value>false, as in EDM2.</value>
    public bool Mirror { get; init; }

    /// <summary>Visit the images in a new order each epoch.</summary>
    /// <value>true.</value>
    public bool Shuffle { get; init; } = true;

    internal IEnumerable<string> Problems()
    {
        if (HeldOut < 0)
        {
            yield return $"data.heldOut is {HeldOut}; a number of images, 0 for none.";
        }

        if (MaxImages is < 1)
        {
            yield return $"data.maxImages is {MaxImages}; at least 1, or leave it out to use all images.";
        }
    }
}
