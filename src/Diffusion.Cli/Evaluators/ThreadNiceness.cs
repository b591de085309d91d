using System.Runtime.InteropServices;

namespace Diffusion.Cli.Evaluators;

/// <summary>Niceness of the calling thread, and of those that libtorch starts from it: on Linux threads have it one by one.</summary>
internal static class ThreadNiceness
{
    private const int Process = 0;
    private const int Myself = 0;

    /// <param name="niceness">0 to leave it; 1 to 19 to stand back. A system that refuses is left alone: it is a courtesy.</param>
    public static void Set(int niceness)
    {
        if (niceness > 0 && OperatingSystem.IsLinux())
        {
            _ = SetPriority(Process, Myself, niceness);
        }
    }

    [DllImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetPriority(int which, int who, int priority);
}
