using Diffusion.Native.Collectives;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>A store for processes of one box: a file per key in a directory.</summary>
internal sealed class FileRendezvousStore(string directory) : IRendezvousStore
{
    public void Set(string key, ReadOnlySpan<byte> value)
    {
        string path = PathOf(key);
        string temporary = $"{path}.{Environment.ProcessId}";
        File.WriteAllBytes(temporary, value.ToArray());
        File.Move(temporary, path);
    }

    public byte[] Get(string key, TimeSpan timeout, CancellationToken cancellationToken)
    {
        string path = PathOf(key);
        long end = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        while (!File.Exists(path))
        {
            if (Environment.TickCount64 > end)
            {
                throw new TimeoutException($"{path} did not appear within {timeout.TotalSeconds} s.");
            }

            cancellationToken.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(2));
            cancellationToken.ThrowIfCancellationRequested();
        }

        return File.ReadAllBytes(path);
    }

    private string PathOf(string key) => Path.Combine(directory, key.Replace('/', '_'));
}
