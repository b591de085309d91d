using System.Globalization;
using System.Runtime.InteropServices;

namespace TorchSharp;

/// <summary>What a report on this machine says about libtorch. Internal: the published package has no such type. Read by Diffusion.Native.</summary>
internal static unsafe class Diagnostics
{
    /// <summary>The version of libtorch that the bridge was compiled for, "1.13.1".</summary>
    internal static string LibtorchVersion
    {
        get
        {
            var version = NativeMethods.dt_version();
            return string.Create(CultureInfo.InvariantCulture, $"{version / 10000}.{version / 100 % 100}.{version % 100}");
        }
    }

    /// <summary>The file of libtorch that was loaded.</summary>
    internal static string LibtorchPath => Text(NativeMethods.dt_libtorch_file());

    /// <summary>The file of the bridge that was loaded.</summary>
    internal static string BridgePath
    {
        get
        {
            NativeLoader.Load();
            return NativeLoader.BridgePath;
        }
    }

    /// <summary>The file that answers BLAS calls; empty when libtorch brings its own inside.</summary>
    internal static string BlasPath => Text(NativeMethods.dt_blas_file());

    /// <summary>"OpenBLAS", "MKL", "reference BLAS" or "built into libtorch".</summary>
    internal static string BlasName
    {
        get
        {
            var path = File.ResolveLinkTarget(BlasPath, returnFinalTarget: true)?.FullName ?? BlasPath;
            return path switch
            {
                _ when path.Contains("openblas", StringComparison.OrdinalIgnoreCase) => "OpenBLAS",
                _ when path.Contains("mkl", StringComparison.OrdinalIgnoreCase) => "MKL",
                _ when path.Contains("blis", StringComparison.OrdinalIgnoreCase) => "BLIS",
                _ when path.Contains("libblas", StringComparison.OrdinalIgnoreCase) => "reference BLAS (slow: install libopenblas0-openmp)",
                _ => "built into libtorch",
            };
        }
    }

    /// <summary>libtorch's own description of how it was built.</summary>
    internal static string Configuration => Text(NativeMethods.dt_configuration());

    /// <summary>Bytes that CPU tensors hold, the most they held, and the bytes kept for them.</summary>
    internal static (long Live, long Peak, long Reserved) CpuMemory
    {
        get
        {
            long live, peak, reserved;
            NativeMethods.dt_memory(&live, &peak, &reserved);
            return (live, peak, reserved);
        }
    }

    /// <summary>Makes the bytes held now the most that were held.</summary>
    internal static void ResetPeakCpuMemory() => NativeMethods.dt_reset_peak();

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";
}
