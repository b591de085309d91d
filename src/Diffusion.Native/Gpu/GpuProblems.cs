namespace Diffusion.Native;

/// <summary>What is wrong with a box's GPUs or the libraries for them, with the remedy.</summary>
public static class GpuProblems
{
    private const long LeastBytes = 8L << 30;
    private static readonly Version LeastCapability = new(7, 0);
    private static readonly Version BFloat16Capability = new(8, 0);

    /// <summary>Looks at what was found; one or two sentences for each problem.</summary>
    /// <param name="gpus">The GPUs that libtorch sees.</param>
    /// <param name="cuDnn">cuDNN's version; empty without.</param>
    /// <param name="ncclProblem">Why NCCL cannot be used; empty when it can.</param>
    /// <param name="hasPeerAccess">Whether one GPU reads another's memory, by their numbers.</param>
    public static IEnumerable<string> Of(IReadOnlyList<GpuDescription> gpus, string cuDnn, string ncclProblem, Func<int, int, bool> hasPeerAccess)
    {
        foreach (var gpu in gpus)
        {
            if (gpu.Capability < LeastCapability)
            {
                yield return $"cuda:{gpu.Number} ({gpu.Name}) has compute capability {gpu.Capability}; current libraries need {LeastCapability} or more. Leave it out with --devices, or take an older libtorch.";
            }
            else if (gpu.Capability < BFloat16Capability)
            {
                yield return $"cuda:{gpu.Number} ({gpu.Name}) has compute capability {gpu.Capability} and so no bfloat16 arithmetic. Train with --precision float16 there.";
            }

            if (gpu.MemoryBytes is > 0 and < LeastBytes)
            {
                yield return FormattableString.Invariant($"cuda:{gpu.Number} ({gpu.Name}) has {gpu.MemoryBytes / 1e9:0.0} GB of memory. Presets edm2-img512-xs and larger want more; train a smaller network, or with a smaller --batch-gpu.");
            }
        }

        if (gpus.Count > 0 && cuDnn.Length == 0)
        {
            yield return "cuDNN is missing beside libtorch, and convolutions on GPUs are slow without. Install nvidia-cudnn for its CUDA version, or take a libtorch that brings it.";
        }

        if (gpus.Count > 1)
        {
            string[] models = [.. gpus.Select(gpu => gpu.Name).Distinct()];
            if (models.Length > 1)
            {
                yield return $"The GPUs are of several models ({string.Join(", ", models)}), which compute other bits. Name those of one model with --devices, or train with --fast.";
            }

            if (ncclProblem.Length > 0)
            {
                yield return $"Several GPUs cannot train together: {ncclProblem}";
            }

            string[] apart = [.. gpus.SelectMany(a => gpus.Where(b => a.Number < b.Number && !hasPeerAccess(a.Number, b.Number)).Select(b => $"cuda:{a.Number} and cuda:{b.Number}"))];
            if (apart.Length > 0)
            {
                yield return $"No direct way between {string.Join(", ", apart)}: their gradients go through main memory, slower. Look for disabled peer access (nvidia-smi topo -m; IOMMU or ACS in a virtual machine).";
            }
        }
    }
}
