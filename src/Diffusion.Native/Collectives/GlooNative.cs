using System.Runtime.InteropServices;
using System.Text;

namespace Diffusion.Native.Collectives;

/// <summary>The C functions of libdiffusion_gloo.so.</summary>
internal static unsafe partial class GlooNative
{
    public const int Done = 0;
    public const int Aborted = 1;
    public const int TimedOut = 2;
    public const int PeerLost = 3;
    private const int AbiVersion = 1;
    private static readonly Lazy<string> Problem = new(FindProblem);

    /// <summary>Empty, or why the transport cannot be used.</summary>
    public static string WhyNot => Problem.Value;

    /// <summary>Gloo's version as it states it in its headers, e.g. 0.5.0.</summary>
    public static string Version
    {
        get
        {
            int version = dg_gloo_version();
            return $"{version / 10000}.{version / 100 % 100}.{version % 100}";
        }
    }

    public static string Text(ReadOnlySpan<byte> message)
    {
        int end = message.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? message : message[..end]);
    }

    private static string FindProblem()
    {
        if (NativeLibraries.GlooProblem is { Length: > 0 } problem)
        {
            return problem + " It is compiled where gloo's headers are (Debian: libgloo-dev).";
        }

        int abi = dg_abi();
        return abi == AbiVersion ? "" : $"libdiffusion_gloo.so is of interface {abi} and this program of {AbiVersion}; build both from one source.";
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct NativeTransfer
    {
        public int Peer;
        public int Unused;
        public ulong Tag;
        public nint Address;
        public long Bytes;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct NativeFailure
    {
        public const int MessageBytes = 512;
        public int Peer;
        public int Sending;
        public ulong Tag;
        public long Bytes;
        public fixed byte Message[MessageBytes];
    }

    /// <summary>Owns the connections of one generation. The runtime keeps them alive while any call is in progress.</summary>
    public sealed class MeshHandle : SafeHandle
    {
        public MeshHandle()
            : base(0, ownsHandle: true)
        {
        }

        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            dg_free(handle);
            return true;
        }
    }

    [LibraryImport(NativeLibraries.Gloo)]
    private static partial int dg_abi();

    [LibraryImport(NativeLibraries.Gloo)]
    private static partial int dg_gloo_version();

    [LibraryImport(NativeLibraries.Gloo, StringMarshalling = StringMarshalling.Utf8)]
    public static partial MeshHandle dg_open(int rank, int size, string? host, string? interfaceName, long timeoutMs, byte* message, long capacity);

    [LibraryImport(NativeLibraries.Gloo)]
    public static partial long dg_address(MeshHandle mesh, int peer, byte* bytes, long capacity);

    [LibraryImport(NativeLibraries.Gloo)]
    public static partial int dg_connect(MeshHandle mesh, int peer, byte* address, long length, byte* message, long capacity);

    [LibraryImport(NativeLibraries.Gloo)]
    public static partial int dg_exchange(MeshHandle mesh, NativeTransfer* sends, int sendCount, NativeTransfer* receives, int receiveCount, long timeoutMs, NativeFailure* failure);

    [LibraryImport(NativeLibraries.Gloo)]
    public static partial void dg_abort(MeshHandle mesh);

    [LibraryImport(NativeLibraries.Gloo)]
    private static partial void dg_free(nint mesh);
}
