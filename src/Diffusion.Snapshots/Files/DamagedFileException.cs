namespace Diffusion.Snapshots.Files;

/// <summary>A file does not hold what was written to it, or is not of the format its name says.</summary>
public sealed class DamagedFileException : IOException
{
    /// <summary>Creates the exception for one file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="fault">What is wrong, as a sentence without a full stop.</param>
    /// <param name="remedy">What the reader can do, as a sentence.</param>
    /// <param name="cause">The parser's own complaint, where there is one.</param>
    public DamagedFileException(string path, string fault, string remedy, Exception? cause = null)
        : base($"'{path}' is damaged: {fault}. {remedy}", cause)
    {
        Path = path;
        Fault = fault;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What is wrong with it, without the file's name.</summary>
    public string Fault { get; }
}
