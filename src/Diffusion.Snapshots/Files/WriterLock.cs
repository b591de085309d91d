using Microsoft.Win32.SafeHandles;

namespace Diffusion.Snapshots.Files;

/// <summary>
/// Keeps a second writer out, of this process or another. The system releases it when the process dies, so nothing is left locked. The lock
/// is a hidden file of its own, because .NET lets nobody read a file that is locked itself; the empty file stays, as deleting it would race.
/// </summary>
internal sealed class WriterLock : IDisposable
{
    private readonly SafeFileHandle handle;

    private WriterLock(SafeFileHandle handle) => this.handle = handle;

    /// <summary>Takes the lock of <paramref name="path"/>, a file or a directory.</summary>
    /// <exception cref="SaveFailedException">Another writer holds it.</exception>
    public static WriterLock Take(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        string name = Path.Combine(Path.GetDirectoryName(full) ?? full, $".{Path.GetFileName(full)}.lock");
        try
        {
            return new WriterLock(File.OpenHandle(name, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new SaveFailedException(path, "locking it for writing (is another process using this run?)", failure);
        }
    }

    public void Dispose() => handle.Dispose();
}
