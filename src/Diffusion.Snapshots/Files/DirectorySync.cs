using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Diffusion.Snapshots.Files;

/// <summary>Makes renames and deletions in a directory survive a power cut. .NET opens no directories, so the handle comes from the C library.</summary>
internal static partial class DirectorySync
{
    // O_RDONLY | O_CLOEXEC, the same on every Linux architecture .NET runs on.
    private const int ReadOnlyCloseOnExec = 0x80000;

    public static void Flush(string directory)
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // Elsewhere a rename is as durable as the system makes it.
        }

        int descriptor = Open(directory, ReadOnlyCloseOnExec);
        if (descriptor < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            throw new IOException($"Cannot open directory '{directory}': {Marshal.GetPInvokeErrorMessage(error)}.", error);
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.FlushToDisk(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
