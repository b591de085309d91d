namespace Diffusion.Contracts.Configuration;

/// <summary>Weights that a run starts from instead of drawn ones. Everything else starts as always: no images seen, empty moments.</summary>
public sealed record InitializationConfig
{
    private const int ContentIdLength = 64;

    /// <summary>
    /// Safetensors file with all tensors of the network by the published names: a snapshot, or a published network's state dictionary. Read by the worker
    /// that starts the run, and by no other. Not part of the run's digest: boxes may keep the file at different places.
    /// </summary>
    public string Path { get; init; } = "";

    /// <summary>SHA-256 (hex) of the file's tensors. It is part of the run's digest, and a file with other tensors is refused.</summary>
    /// <value>null: filled in from the file when the run is started.</value>
    public string? ContentId { get; init; }

    internal IEnumerable<string> Problems()
    {
        if (Path.Length == 0)
        {
            yield return "initialization.path is empty. Name a safetensors file, or leave initialization out to draw the weights.";
        }

        if (ContentId is not null && (ContentId.Length != ContentIdLength || !ContentId.All(char.IsAsciiHexDigitLower)))
        {
            yield return $"initialization.contentId is '{ContentId}', not {ContentIdLength} hexadecimal digits. Leave it out, and it is taken from the file.";
        }
    }
}
