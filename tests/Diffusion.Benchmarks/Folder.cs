namespace Diffusion.Benchmarks;

/// <summary>A directory under the system's temporary one (TMPDIR), removed at the end.</summary>
internal sealed class Folder : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("diffusion-benchmark-").FullName;

    public string this[string name] => Path.Combine(root, name);

    public void Dispose() => Directory.Delete(root, recursive: true);
}
