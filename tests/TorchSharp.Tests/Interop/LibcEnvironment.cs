using System.Runtime.InteropServices;

namespace TorchSharp.Tests.Interop;

internal static partial class LibcEnvironment
{
    public static string? Get(string name) => Marshal.PtrToStringUTF8(getenv(name));

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getenv(string name);
}
