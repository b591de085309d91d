using System.Reflection;
using System.Runtime.InteropServices;

namespace TorchSharp;

/// <summary>
/// Loads the bridge, and with it libtorch, after preparing what libraries read when they are loaded: OpenMP's waiting and the BLAS.
/// </summary>
internal static partial class NativeLoader
{
    internal const string FileName = "libdiffusion_torch.so";
    private const int ResolveNow = 2;
    private const int GlobalSymbols = 0x100;
    private static readonly Lazy<nint> Handle = new(LoadOnce);

    /// <summary>Where the bridge was loaded from.</summary>
    internal static string BridgePath { get; private set; } = "";

    /// <summary>The lines of libdiffusion_torch.info: which libtorch the bridge was built for.</summary>
    internal static IReadOnlyDictionary<string, string> BuildInfo { get; private set; } = new Dictionary<string, string>();

    internal static void Load() => _ = Handle.Value;

    private static nint LoadOnce()
    {
        BridgePath = FindBridge();
        BuildInfo = ReadInfo(Path.ChangeExtension(BridgePath, ".info"));
        CalmOpenMP();
        FixCuBlasWorkspaces();
        PreferOpenBlas();
        var handle = LoadBridge();
        NativeLibrary.SetDllImportResolver(typeof(NativeLoader).Assembly, (name, _, _) => name == NativeMethods.Library ? handle : 0);
        Start(handle);
        return handle;
    }

    private static string FindBridge()
    {
        string[] folders = [.. new[] { AppContext.BaseDirectory, AssemblyFolder() }.Where(folder => folder.Length > 0).Select(Path.TrimEndingDirectorySeparator).Distinct()];
        return folders.Select(folder => Path.Combine(folder, FileName)).FirstOrDefault(File.Exists)
            ?? throw new DllNotFoundException($"{FileName} is not in {string.Join(" nor ", folders)}. Build it there with src/Polyfills/TorchSharp/native/build.sh.");
    }

    // Empty in a single-file program, whose native libraries lie beside it.
    private static string AssemblyFolder()
    {
#pragma warning disable IL3000
        return Path.GetDirectoryName(typeof(NativeLoader).Assembly.Location) ?? "";
#pragma warning restore IL3000
    }

    private static Dictionary<string, string> ReadInfo(string path) => File.Exists(path)
        ? File.ReadLines(path).Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1])
        : [];

    // libgomp's default is to spin while it waits, which costs a shared machine a factor of eight; passive waiting costs an idle one a fifth.
    // It reads the C environment when it is loaded, which Environment.SetEnvironmentVariable does not reach.
    private static void CalmOpenMP()
    {
        if (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
        {
            _ = setenv("GOMP_SPINCOUNT", "1000", 0);
        }
    }

    // cuBLAS gives the same bits again only with workspaces of its own; it reads this when it is first used. An empty or set variable stays.
    private static void FixCuBlasWorkspaces() => _ = setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);

    // A libtorch that takes BLAS from the system gets the reference one on a plain Debian, 25 times slower. A global symbol that is there first wins.
    // The pthread flavour ignores libtorch's thread count and is left alone.
    private static void PreferOpenBlas()
    {
        if (BuildInfo.GetValueOrDefault("blas") != "system")
        {
            return;
        }
        var flavours = new[] { "openblas-openmp", "openblas-serial" };
        var folder = BuildInfo.GetValueOrDefault("libraries", "");
        if (flavours.Select(flavour => Path.Combine(folder, flavour, "libopenblas.so.0")).FirstOrDefault(File.Exists) is { } path)
        {
            _ = dlopen(path, ResolveNow | GlobalSymbols);
        }
    }

    private static nint LoadBridge()
    {
        if (NativeLibrary.TryLoad(BridgePath, out var loaded))
        {
            return loaded;
        }
        // Built elsewhere: the libraries may lie in another folder here.
        if (Environment.GetEnvironmentVariable("LIBTORCH") is { Length: > 0 } root)
        {
            string[] libraries = ["libc10.so", "libtorch_cpu.so", "libc10_cuda.so", "libtorch_cuda.so"];
            foreach (var path in libraries.Select(library => Path.Combine(root, "lib", library)).Where(File.Exists))
            {
                _ = dlopen(path, ResolveNow | GlobalSymbols);
            }
        }
        try
        {
            return NativeLibrary.Load(BridgePath);
        }
        catch (DllNotFoundException exception)
        {
            throw new DllNotFoundException(
                $"{BridgePath} was built for the libtorch {BuildInfo.GetValueOrDefault("version", "of unknown version")} in {BuildInfo.GetValueOrDefault("libraries", "an unknown folder")} "
                + $"and cannot be loaded. Run 'apt-get install libtorch-dev' or set LIBTORCH to an unpacked libtorch, then build again. {exception.Message}",
                exception);
        }
    }

    private static unsafe void Start(nint handle)
    {
        // Not through NativeMethods: this runs in its static constructor.
        ((delegate* unmanaged<void>)NativeLibrary.GetExport(handle, "dt_start"))();
        // Before the first tensor. Zero leaves memory to libtorch's own allocator, for comparing and for tools that watch malloc.
        if (Environment.GetEnvironmentVariable("DIFFUSION_CACHING_ALLOCATOR") != "0")
        {
            _ = ((delegate* unmanaged<int>)NativeLibrary.GetExport(handle, "dt_use_caching_allocator"))();
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)] private static partial int setenv(string name, string value, int overwrite);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)] private static partial nint dlopen(string file, int flags);
}
