using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Native;
using Diffusion.Native.Collectives.Nccl;

namespace Diffusion.Worker.Session;

/// <summary>What has to be equal on all workers of a run for equal bits. The coordinator refuses a worker that differs, naming each entry.</summary>
internal static class Fingerprint
{
    public static IReadOnlyDictionary<string, string> Of(RunConfig config, PackedDataset data, DeviceList devices, string layoutDigest)
    {
        var fingerprint = new Dictionary<string, string>
        {
            ["build"] = Build,
            ["libtorch"] = TorchSharp.torch.__version__,
            ["threads_per_rank"] = FormattableString.Invariant($"{config.Training.ThreadsPerRank}"),
            ["config"] = config.Digest(),
            ["data"] = data.Digest,
            ["layout"] = layoutDigest,
        };
        if (devices.Kind == DeviceKind.Cuda)
        {
            // Copies of different versions do not talk to one another.
            fingerprint["nccl"] = NcclLibrary.IsAvailable ? NcclLibrary.Version : "none";
        }

        if (config.Training.GradientSum == GradientSum.Exact)
        {
            foreach (var (key, value) in Of(devices))
            {
                fingerprint[key] = value;
            }
        }

        return fingerprint;
    }

    /// <summary>What decides the bits that devices compute, apart from libtorch and the number of threads.</summary>
    internal static IEnumerable<KeyValuePair<string, string>> Of(DeviceList devices) => devices.Kind == DeviceKind.Cpu ? Processor : Gpus(devices.Numbers, GpuEnvironment.Gpus);

    /// <summary>What else decides the bits of ranks on the processor.</summary>
    private static IEnumerable<KeyValuePair<string, string>> Processor =>
    [
        new("device", "cpu"),
        new("architecture", RuntimeInformation.ProcessArchitecture.ToString()),
        new("instructions", Instructions),
        new("kernels", CpuEnvironment.HasKernels ? CpuEnvironment.Kernels : "composed"),
    ];

    /// <summary>What else decides the bits of ranks on GPUs: model, and the libraries that bring the kernels.</summary>
    /// <param name="numbers">The worker's GPUs.</param>
    /// <param name="gpus">All of this box.</param>
    /// <exception cref="ConfigurationException">The worker's own GPUs are of several models.</exception>
    internal static IEnumerable<KeyValuePair<string, string>> Gpus(IReadOnlyList<int> numbers, IReadOnlyList<GpuDescription> gpus)
    {
        string[] models = [.. numbers.Select(number => $"{gpus[number].Name} {gpus[number].Capability}").Distinct()];
        return models.Length == 1
            ? [new("device", "cuda"), new("gpu", models[0]), new("cuda", GpuEnvironment.CudaRuntime), new("cudnn", GpuEnvironment.CuDnn), new("kernels", GpuEnvironment.HasKernels ? "cuda" : "composed")]
            : throw new ConfigurationException($"The GPUs of this worker are of several models ({string.Join(", ", models)}), which compute other bits. Name those of one model with --devices, or train with --fast.");
    }

    /// <summary>Version and commit of this program.</summary>
    private static string Build =>
        typeof(Fingerprint).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>The widest vectors of this processor: libtorch and oneDNN choose their kernels by them.</summary>
    private static string Instructions =>
        Avx512BW.IsSupported ? "avx512" : Avx2.IsSupported ? "avx2" : Avx.IsSupported ? "avx" : "base";
}
