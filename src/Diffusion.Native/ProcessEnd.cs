using System.Runtime.InteropServices;

namespace Diffusion.Native;

/// <summary>The end of a process whose threads can no longer be stopped: an orderly one would wait for them.</summary>
public static partial class ProcessEnd
{
    /// <summary>Exit code that says: nothing is wrong with what was asked, start me again.</summary>
    public const int StartAgain = 75;

    /// <summary>Ends this process at once. Nothing is flushed or disposed.</summary>
    /// <param name="exitCode">0 to 255.</param>
    public static void Now(int exitCode) => Exit(exitCode);

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int exitCode);
}
