using System.Text.RegularExpressions;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Library;

/// <summary>
/// Reconstructed weights on the disk, least recently used first to go. Names say everything a file was made from, so it is right or damaged,
/// never stale. Whoever reads one holds a shared lock of the system on it: a file in use is not removed, by no process.
/// </summary>
internal sealed partial class WeightsCache
{
    private readonly long limitBytes;
    private readonly TimeProvider time;

    /// <param name="directory">Created with the first file. Several processes may share it.</param>
    /// <param name="limitBytes">Size to stay under; files in use may exceed it.</param>
    /// <param name="time">Tells which file was used last.</param>
    public WeightsCache(string directory, long limitBytes, TimeProvider time)
    {
        Folder = Path.GetFullPath(directory);
        this.limitBytes = limitBytes;
        this.time = time;
        if (Directory.Exists(Folder))
        {
            AtomicFile.RemoveLeftovers(Folder);
            MakeRoom(0);
        }
    }

    public string Folder { get; }

    public string PathOf(string fileName) => Path.Combine(Folder, fileName);

    /// <summary>Opens a file with the lock that keeps it; null where it is not there.</summary>
    public FileStream? TryOpen(string fileName)
    {
        try
        {
            var file = OpenShared(PathOf(fileName));
            File.SetLastAccessTimeUtc(file.SafeFileHandle, time.GetUtcNow().UtcDateTime);
            return file;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (IOException) when (!File.Exists(PathOf(fileName)))
        {
            return null; // It was being removed.
        }
    }

    /// <summary>Opens a file for a reader, with a shared lock.</summary>
    public static FileStream OpenShared(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);

    /// <summary>Removes files that nobody uses, those used longest ago first, until so many bytes fit.</summary>
    public void MakeRoom(long bytes)
    {
        Directory.CreateDirectory(Folder);
        var files = new DirectoryInfo(Folder).EnumerateFiles().Where(file => OwnName().IsMatch(file.Name)).OrderBy(file => file.LastAccessTimeUtc).ToList();
        long total = files.Sum(file => file.Length);
        foreach (var file in files)
        {
            if (total + bytes <= limitBytes)
            {
                return;
            }

            total -= TryRemove(file.FullName) ? file.Length : 0;
        }
    }

    /// <summary>Removes a file that turned out to be damaged. Readers that have it open keep what they have.</summary>
    public void Discard(string fileName) => File.Delete(PathOf(fileName));

    private static bool TryRemove(string path)
    {
        try
        {
            using var alone = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            File.Delete(path);
            return true;
        }
        catch (FileNotFoundException)
        {
            return true;
        }
        catch (IOException)
        {
            return false; // In use.
        }
    }

    // Nothing else is ever removed, whatever directory somebody chose.
    [GeneratedRegex("^[0-9a-f]{32}-[0-9]+-[0-9.]+\\.safetensors$")]
    private static partial Regex OwnName();
}
