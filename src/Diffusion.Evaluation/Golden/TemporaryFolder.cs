namespace Diffusion.Evaluation.Golden;

/// <summary>A folder for what checks write; it goes with them.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("diffusion-golden-");

    /// <summary>A path in it.</summary>
    public string this[params string[] names] => Path.Combine([directory.FullName, .. names]);

    public void Dispose() => directory.Delete(recursive: true);
}
