using System.Runtime.InteropServices;
using Diffusion.Native.Collectives.Nccl;

namespace Diffusion.Native;

/// <summary>Finds our libraries beside the program. A library that is absent is a fact to work with, not an error.</summary>
internal static partial class NativeLibraries
{
    public const string Kernels = "diffusion_native";
    public const string Gloo = "diffusion_gloo";
    public const string Operators = "diffusion_operators";
    public const string Nccl = "nccl";
    private static readonly Lazy<(nint Handle, string Problem)> KernelsLibrary = new(() => Open(Kernels));
    private static readonly Lazy<(nint Handle, string Problem)> GlooLibrary = new(() => Open(Gloo));

    private static readonly Lazy<(nint Handle, string Problem)> OperatorsLibrary = new(() => Open(Operators));

    static NativeLibraries() => NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, (name, _, _) => name switch
    {
        Kernels => KernelsLibrary.Value.Handle,
        Gloo => GlooLibrary.Value.Handle,
        Operators => OperatorsLibrary.Value.Handle,
        Nccl => NcclLibrary.Handle,
        _ => 0,
    });

    /// <summary>Empty when the kernels are loaded, else why not.</summary>
    public static string KernelsProblem => KernelsLibrary.Value.Problem;

    /// <summary>Empty when the transport is loaded, else why not.</summary>
    public static string GlooProblem => GlooLibrary.Value.Problem;

    /// <summary>Empty when the fused operators are loaded, else why not. libtorch must be loaded already.</summary>
    public static string OperatorsProblem => OperatorsLibrary.Value.Problem;

    /// <summary>Has the runtime ask here for libraries from now on; any other use of this class does, too.</summary>
    public static void Register()
    {
    }

    private static (nint Handle, string Problem) Open(string name)
    {
        // libgomp reads this when it is loaded, whoever loads it first; waiting threads that spin cost a shared machine a factor of eight.
        // .NET's own SetEnvironmentVariable does not reach the C library.
        if (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
        {
            _ = SetEnvironment("GOMP_SPINCOUNT", "1000", 0);
        }

        string path = Path.Combine(AppContext.BaseDirectory, $"lib{name}.so");
        if (!File.Exists(path))
        {
            return (0, $"{path} is not there; src/Diffusion.Native/native/build.sh builds it.");
        }

        try
        {
            return (NativeLibrary.Load(path), "");
        }
        catch (DllNotFoundException e)
        {
            return (0, e.Message);
        }
        catch (BadImageFormatException e)
        {
            return (0, $"{path} is for another processor: {e.Message}");
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
