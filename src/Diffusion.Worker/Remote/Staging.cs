using Diffusion.Contracts.Configuration;

namespace Diffusion.Worker.Remote;

/// <summary>A directory for files on their way to or from the coordinator, of one process. What killed processes left is removed by the next.</summary>
internal sealed class Staging : IDisposable
{
    private const string LockSuffix = ".lock";
    private readonly FileStream hold;

    private Staging(string path, FileStream hold)
    {
        Path = path;
        this.hold = hold;
    }

    public string Path { get; }

    /// <summary>Makes a new directory below a parent that several processes may share.</summary>
    /// <exception cref="ConfigurationException">Nothing can be written there.</exception>
    public static Staging Create(string parent)
    {
        try
        {
            return CreateIn(parent);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{parent} cannot hold files on their way to the coordinator: {e.Message.TrimEnd('.')}. Choose another place with --cache-dir.");
        }
    }

    private static Staging CreateIn(string parent)
    {
        Directory.CreateDirectory(parent);
        foreach (string left in Directory.GetFiles(parent, "*" + LockSuffix))
        {
            RemoveIfDead(left);
        }

        string path = System.IO.Path.Combine(parent, Guid.NewGuid().ToString("N"));
        var hold = new FileStream(path + LockSuffix, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        Directory.CreateDirectory(path);
        return new Staging(path, hold);
    }

    public void Dispose()
    {
        Directory.Delete(Path, recursive: true);
        File.Delete(hold.Name);
        hold.Dispose();
    }

    /// <summary>The system released the lock of a process that is gone.</summary>
    private static void RemoveIfDead(string lockFile)
    {
        try
        {
            using var held = new FileStream(lockFile, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            string path = lockFile[..^LockSuffix.Length];
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }

            File.Delete(lockFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A living process holds it, or another one is cleaning up as well.
        }
    }
}
