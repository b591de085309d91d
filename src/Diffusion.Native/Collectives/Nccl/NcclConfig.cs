using System.Runtime.InteropServices;

namespace Diffusion.Native.Collectives.Nccl;

/// <summary>How a communicator is made. NCCL appends fields with its versions and reads as many bytes as <see cref="Size"/> says.</summary>
/// <remarks>
/// Only fields up to 2.18 are named, for only <see cref="Blocking"/> is set. But the memory is there for all: 2.26 reads what was padding in 2.18 without asking for the version,
/// so every integer says "undefined".
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NcclConfig
{
    public const uint ApiMagic = 0xcafebeef;
    public const int Undefined = int.MinValue;

    public nuint Size;
    public uint Magic;
    public uint Version;
    public int Blocking;
    public int CgaClusterSize;
    public int MinCtas;
    public int MaxCtas;
    public byte* NetName;
    public int SplitShare;
    public int TrafficClass;

    /// <summary>A configuration for calls that do not block.</summary>
    /// <param name="libraryVersion">As <c>ncclGetVersion</c> says it; at least <see cref="NcclLibrary.OldestVersion"/>.</param>
    public static NcclConfig NonBlocking(int libraryVersion)
    {
        // Size and version of one header that was: 2.14, 2.17, 2.18. Later libraries take 2.18's and fill in what they know beyond.
        var (size, version) = libraryVersion switch
        {
            < 21700 => (24, 21400),
            < 21800 => (40, 21700),
            _ => (48, 21800),
        };
        return new NcclConfig
        {
            Size = (nuint)size,
            Magic = ApiMagic,
            Version = (uint)version,
            Blocking = 0,
            CgaClusterSize = Undefined,
            MinCtas = Undefined,
            MaxCtas = Undefined,
            SplitShare = Undefined,
            TrafficClass = Undefined,
        };
    }
}
