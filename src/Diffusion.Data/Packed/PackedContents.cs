namespace Diffusion.Data;

/// <summary>What a packed data set consists of, without its bytes: enough to fetch them from somewhere else, and to prove that they are the right ones.</summary>
public sealed class PackedContents
{
    private readonly PackedManifest manifest;

    private PackedContents(PackedManifest manifest)
    {
        this.manifest = manifest;
        Digest = manifest.Digest();
        Files = manifest.AllFiles;
        Bytes = Files.Sum(file => file.Bytes);
    }

    /// <summary>Name of the data set it was made from.</summary>
    public string Name => manifest.Name;

    /// <summary>The data set's digest; see <see cref="PackedDataset.Digest"/>.</summary>
    public string Digest { get; }

    /// <summary>Its files, in the order in which they are best fetched. Names are plain and differ.</summary>
    public IReadOnlyList<PackedFile> Files { get; }

    /// <summary>Sum of the files' sizes.</summary>
    public long Bytes { get; }

    /// <summary>The contents of a packed data set of this box.</summary>
    /// <param name="directory">Where its files are.</param>
    /// <exception cref="DatasetException">There is no packed data set, or its manifest is damaged.</exception>
    public static PackedContents Of(string directory) => new(PackedManifest.Read(directory));

    /// <summary>Reads contents that came from somewhere else.</summary>
    /// <param name="json">What <see cref="ToJson"/> gave there.</param>
    /// <param name="source">Where they are from, for messages.</param>
    /// <exception cref="DatasetException">They contradict themselves, or name files outside of their directory.</exception>
    public static PackedContents Parse(ReadOnlySpan<byte> json, string source) =>
        new(PackedManifest.Parse(json, $"The manifest from {source}", "Use the same version of the program on all boxes."));

    /// <summary>The contents as JSON: the data set's manifest.</summary>
    public byte[] ToJson() => manifest.ToJson();
}
