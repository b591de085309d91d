namespace Diffusion.Data;

/// <summary>Keeps the processes of a box from making the same data set at the same time.</summary>
internal static class CacheLock
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    /// <summary>An exclusive file, which the system releases when its process dies, however it dies.</summary>
    public static FileStream Take(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                cancellationToken.WaitHandle.WaitOne(Poll);
            }
        }
    }
}
