using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Diffusion.Native.Collectives.Nccl;

/// <summary>What a call of NCCL answers.</summary>
internal enum NcclResult
{
    Success = 0,
    UnhandledCudaError = 1,
    SystemError = 2,
    InternalError = 3,
    InvalidArgument = 4,
    InvalidUsage = 5,
    RemoteError = 6,
    InProgress = 7,
}

/// <summary>Numbers that travel.</summary>
internal enum NcclDataType
{
    UInt8 = 1,
    Float32 = 7,
}

/// <summary>How numbers combine. Not the average, which multiplies before it adds: other bits than a sum that is scaled.</summary>
internal enum NcclOperation
{
    Sum = 0,
}

/// <summary>Names a communicator to be; passed by value.</summary>
[InlineArray(Bytes)]
internal struct NcclUniqueId
{
    public const int Bytes = 128;
    private byte first;
}

/// <summary>The functions of NCCL that are called here. The library is the one of <see cref="NcclLibrary"/>; a test holds the declarations against the published header.</summary>
internal static unsafe partial class NcclNative
{
    /// <summary>All return a result, but for the two that explain one.</summary>
    public const string Prefix = "nccl";

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclGetVersion(int* version);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclGetUniqueId(NcclUniqueId* uniqueId);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclCommInitRankConfig(nint* communicator, int ranks, NcclUniqueId uniqueId, int rank, NcclConfig* config);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclCommGetAsyncError(nint communicator, NcclResult* result);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclCommFinalize(nint communicator);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclCommDestroy(nint communicator);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclCommAbort(nint communicator);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial byte* ncclGetErrorString(NcclResult result);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial byte* ncclGetLastError(nint communicator);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclGroupStart();

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclGroupEnd();

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclSend(void* buffer, nuint count, NcclDataType type, int peer, nint communicator, nint stream);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclRecv(void* buffer, nuint count, NcclDataType type, int peer, nint communicator, nint stream);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclAllReduce(void* send, void* receive, nuint count, NcclDataType type, NcclOperation operation, nint communicator, nint stream);

    [LibraryImport(NativeLibraries.Nccl)]
    public static partial NcclResult ncclAllGather(void* send, void* receive, nuint count, NcclDataType type, nint communicator, nint stream);
}
