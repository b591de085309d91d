using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Diffusion.Data;

/// <summary>Files that exist whole or not at all, also after a power cut: temporary name, fsync, rename, fsync of the directory.</summary>
internal static class DurableFile
{
    public static PackedFile Write(string directory, string name, ReadOnlySpan<byte> content)
    {
        string path = Path.Combine(directory, name);
        string temporary = path + ".tmp";
        using (var handle = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, content.Length))
        {
            RandomAccess.Write(handle, content, 0);
            RandomAccess.FlushToDisk(handle);
        }

        File.Move(temporary, path, overwrite: true);
        SyncDirectory(directory);
        return new PackedFile { Name = name, Bytes = content.Length, Sha256 = Convert.ToHexStringLower(SHA256.HashData(content)) };
    }

    /// <summary>Makes renames and creations in a directory durable. .NET opens no directories, hence the C library.</summary>
    public static void SyncDirectory(string directory)
    {
        int descriptor = Open(directory, OpenReadOnlyDirectory);
        if (descriptor < 0)
        {
            throw new IOException($"Cannot open directory {directory} to flush it: error {Marshal.GetLastPInvokeError()}.");
        }

        try
        {
            if (Fsync(descriptor) != 0)
            {
                throw new IOException($"Cannot flush directory {directory}: error {Marshal.GetLastPInvokeError()}.");
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private const int OpenReadOnlyDirectory = 0x80000; // O_RDONLY | O_CLOEXEC

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int descriptor);
}
