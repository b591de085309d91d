using System.Runtime.InteropServices;

namespace Diffusion.Native.Collectives.Nccl;

/// <summary>Finds the NCCL that libtorch uses, so that a process never holds two: each would keep threads, memory and connections of its own for the same GPUs.</summary>
public static class NcclLibrary
{
    /// <summary>The first with communicators whose calls do not block, and can therefore be given up: 2.14.</summary>
    internal const int OldestVersion = 21400;

    private const string FileName = "libnccl.so.2";
    private static readonly Lazy<(nint Handle, int Version, string Problem)> Library = new(Open);
    private static string? given;

    /// <summary>Whether there is one that can be used.</summary>
    public static bool IsAvailable => WhyNot.Length == 0;

    /// <summary>Empty, or why NCCL cannot be used and what helps.</summary>
    public static string WhyNot => Library.Value.Problem;

    /// <summary>Its version, e.g. 2.28.9; empty without one.</summary>
    public static string Version => Library.Value.Version == 0 ? "" : VersionText(Library.Value.Version);

    internal static nint Handle => Library.Value.Handle;

    internal static int VersionCode => Library.Value.Version;

    /// <summary>Names the library instead of looking for it. Before its first use, once.</summary>
    /// <param name="path">Path of the shared library.</param>
    /// <exception cref="InvalidOperationException">One is in use already.</exception>
    public static void Use(string path)
    {
        if (Library.IsValueCreated && given != path)
        {
            throw new InvalidOperationException($"NCCL cannot be taken from {path}: this process uses {given ?? "another"} already. Name the library before anything uses it.");
        }

        given = path;
    }

    /// <summary>NCCL's version code in digits: major, minor and patch; up to 2.8 the minor had one digit.</summary>
    internal static string VersionText(int code) => code < 10000
        ? FormattableString.Invariant($"{code / 1000}.{code / 100 % 10}.{code % 100}")
        : FormattableString.Invariant($"{code / 10000}.{code / 100 % 100}.{code % 100}");

    /// <summary>What to load, in this order: what is named, what is in memory already, what lies beside libtorch, in its Python package, and whatever the loader finds by name.</summary>
    /// <param name="mapped">What is in memory.</param>
    /// <param name="named">What the user names; null for nothing.</param>
    /// <param name="exists">Whether a file is there.</param>
    /// <exception cref="PlatformNotSupportedException">Two copies would be, or are, in memory.</exception>
    internal static string Choose(MappedLibraries mapped, string? named, Func<string, bool> exists)
    {
        // libnccl-net.so and its kind are plugins, not copies.
        var present = mapped.Named("libnccl.so");
        if (present.Count > 1)
        {
            throw new PlatformNotSupportedException($"Two copies of NCCL are in this process, {present[0]} and {present[1]}. Keep the one libtorch brings: take the other out of LD_LIBRARY_PATH and LD_PRELOAD, or uninstall it.");
        }

        if (named is not null && present.Count == 1 && present[0] != named)
        {
            throw new PlatformNotSupportedException($"NCCL was named as {named}, but libtorch has loaded {present[0]}; two copies in one process are refused. Name that one, or none.");
        }

        if (named is not null || present.Count == 1)
        {
            return named ?? present[0];
        }

        string[] beside = mapped.TorchFolder is { } folder
            ? [Path.Combine(folder, FileName), Path.GetFullPath(Path.Combine(folder, "../../nvidia/nccl/lib", FileName))]
            : [];
        return beside.FirstOrDefault(exists) ?? FileName;
    }

    private static (nint Handle, int Version, string Problem) Open()
    {
        NativeLibraries.Register();
        try
        {
            // libtorch first: the copy that it brings along is the one.
#if !USE_PACKAGES
            TorchSharp.NativeHooks.EnsureLoaded();
#endif
            var mapped = MappedLibraries.Read();
            nint handle = InsideTorch(mapped) is not 0 and var inside ? inside : Load(Choose(mapped, given, File.Exists));

            // The loader may have found another one than libtorch will.
            _ = Choose(MappedLibraries.Read(), named: null, File.Exists);
            int version = VersionOf(handle);
            return version >= OldestVersion
                ? (handle, version, "")
                : (0, version, $"NCCL is {VersionText(version)}, and {VersionText(OldestVersion)} is the oldest whose calls can be given up when a peer is lost. Use a libtorch with a newer one, or pip install -U nvidia-nccl-cu12.");
        }
        catch (Exception e) when (e is PlatformNotSupportedException or DllNotFoundException or BadImageFormatException or EntryPointNotFoundException or IOException)
        {
            return (0, 0, e.Message);
        }
    }

    /// <summary>A libtorch that was linked with NCCL's archive carries it inside, and may let it be called.</summary>
    private static nint InsideTorch(MappedLibraries mapped)
    {
        if (given is not null || mapped.Named("libnccl.so").Count > 0 || mapped.Named("libtorch_cuda") is not [var torch, ..])
        {
            return 0;
        }

        nint handle = NativeLibrary.Load(torch);
        return NativeLibrary.TryGetExport(handle, "ncclCommInitRankConfig", out _) ? handle : 0;
    }

    private static nint Load(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (DllNotFoundException e)
        {
            throw new DllNotFoundException($"NCCL, which several GPUs need, is not here ({path}). A PyTorch package with CUDA brings it; else install libnccl2 of NVIDIA's apt repository or pip install nvidia-nccl-cu12. {e.Message}", e);
        }
    }

    private static unsafe int VersionOf(nint handle)
    {
        int version = 0;
        var get = (delegate* unmanaged[Cdecl]<int*, NcclResult>)NativeLibrary.GetExport(handle, nameof(NcclNative.ncclGetVersion));
        var result = get(&version);
        return result == NcclResult.Success ? version : throw new PlatformNotSupportedException($"NCCL does not say its version (result {(int)result}); its library is damaged or not NCCL's.");
    }
}
