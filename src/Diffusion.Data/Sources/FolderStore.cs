namespace Diffusion.Data;

/// <summary>All files below a folder.</summary>
internal sealed class FolderStore : IFileStore
{
    private const long LargestFile = int.MaxValue / 2;

    public FolderStore(string path)
    {
        Path = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        string[] names = [.. Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(Path, file).Replace(System.IO.Path.DirectorySeparatorChar, '/'))];
        Array.Sort(names, CodePointOrder.Instance);
        Names = names;
    }

    public string Path { get; }

    public IReadOnlyList<string> Names { get; }

    public byte[] Read(string name)
    {
        string file = System.IO.Path.Combine(Path, name);
        long bytes = new FileInfo(file).Length;
        return bytes <= LargestFile
            ? File.ReadAllBytes(file)
            : throw new DatasetException($"{file} has {bytes} bytes; an image has at most {LargestFile}. Remove it.");
    }

    public void Dispose()
    {
        // Nothing is held open.
    }
}
