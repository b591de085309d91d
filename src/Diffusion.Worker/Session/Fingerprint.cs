using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;

namespace Diffusion.Worker.Session;

/// <summary>What has to be equal on all workers of a run for equal bits. The coordinator refuses a worker that differs, naming each entry.</summary>
internal static class Fingerprint
{
    public static IReadOnlyDictionary<string, string> Of(RunConfig config, PackedDataset data, Devices devices, string layoutDigest) => new Dictionary<string, string>
    {
        ["build"] = Build,
        ["libtorch"] = TorchSharp.torch.__version__,
        ["device"] = devices.Kind,
        ["threads_per_rank"] = FormattableString.Invariant($"{config.Training.ThreadsPerRank}"),
        ["config"] = config.Digest(),
        ["data"] = data.Digest,
        ["layout"] = layoutDigest,
        ["architecture"] = RuntimeInformation.ProcessArchitecture.ToString(),
        ["instructions"] = Instructions,
        ["kernels"] = Native.CpuEnvironment.HasKernels ? Native.CpuEnvironment.Kernels : "composed",
    };

    /// <summary>Version and commit of this program.</summary>
    private static string Build =>
        typeof(Fingerprint).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>The widest vectors of this processor: libtorch and oneDNN choose their kernels by them.</summary>
    private static string Instructions =>
        Avx512BW.IsSupported ? "avx512" : Avx2.IsSupported ? "avx2" : Avx.IsSupported ? "avx" : "base";
}
