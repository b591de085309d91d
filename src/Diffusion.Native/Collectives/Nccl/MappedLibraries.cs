namespace Diffusion.Native.Collectives.Nccl;

/// <summary>The shared libraries in this process's memory, by the paths they were loaded from.</summary>
internal sealed class MappedLibraries(IReadOnlyList<string> paths)
{
    /// <summary>As of now.</summary>
    public static MappedLibraries Read() => Parse(File.ReadAllText("/proc/self/maps"));

    /// <summary>From the text of /proc/self/maps: address, rights, offset, device, inode, path.</summary>
    public static MappedLibraries Parse(string maps)
    {
        var paths = new List<string>();
        foreach (string line in maps.Split('\n'))
        {
            int path = line.IndexOf('/', StringComparison.Ordinal);
            string at = path < 0 ? "" : line[path..].TrimEnd();
            if (at.Length > 0 && !paths.Contains(at))
            {
                paths.Add(at);
            }
        }

        return new MappedLibraries(paths);
    }

    /// <summary>Files of which the name begins so.</summary>
    public IReadOnlyList<string> Named(string beginning) => [.. paths.Where(path => Path.GetFileName(path).StartsWith(beginning, StringComparison.Ordinal))];

    /// <summary>The folder of libtorch's libraries; null before it is loaded.</summary>
    public string? TorchFolder => Named("libtorch_cpu.so").Concat(Named("libtorch.so")).Select(Path.GetDirectoryName).FirstOrDefault();
}
