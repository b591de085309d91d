using System.Runtime.InteropServices;
using TorchSharp;

namespace Diffusion.Native;

/// <summary>The passes over arenas that lie on a GPU, where nvcc could compile them. Enqueued on the calling thread's current stream; nothing waits.</summary>
internal sealed unsafe class CudaKernels
{
    private static readonly Lazy<(CudaKernels? Kernels, string Problem)> Loaded = new(Load);
    private readonly delegate* unmanaged[Cdecl]<float*, float*, float*, float*, long, AdamArguments*, float**, float*, int, long*, nint, int> adam;
    private readonly delegate* unmanaged[Cdecl]<float*, float*, float*, long, nint, int> add;
    private readonly delegate* unmanaged[Cdecl]<float*, float, long, double*, long*, nint, int> summarize;
    private readonly delegate* unmanaged[Cdecl]<int> summaryBlocks;
    private readonly delegate* unmanaged[Cdecl]<int, byte*> error;

    /// <param name="library">A loaded libdiffusion_cuda.so.</param>
    internal CudaKernels(nint library)
    {
        adam = (delegate* unmanaged[Cdecl]<float*, float*, float*, float*, long, AdamArguments*, float**, float*, int, long*, nint, int>)NativeLibrary.GetExport(library, "dc_adam");
        add = (delegate* unmanaged[Cdecl]<float*, float*, float*, long, nint, int>)NativeLibrary.GetExport(library, "dc_add");
        summarize = (delegate* unmanaged[Cdecl]<float*, float, long, double*, long*, nint, int>)NativeLibrary.GetExport(library, "dc_summarize");
        summaryBlocks = (delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(library, "dc_summary_blocks");
        error = (delegate* unmanaged[Cdecl]<int, byte*>)NativeLibrary.GetExport(library, "dc_error");
    }

    /// <summary>The kernels; null where they are missing, and TorchSharp's operations do the same in more passes.</summary>
    public static CudaKernels? Instance => Loaded.Value.Kernels;

    /// <summary>Empty, or why the kernels cannot be used.</summary>
    public static string WhyNot => Loaded.Value.Problem;

    /// <summary>Adam and all averages in one pass; see <see cref="FusedAdam"/>.</summary>
    public void Adam(nint weights, nint gradients, nint firstMoment, nint secondMoment, long length, ReadOnlySpan<(nint Values, double Beta)> averages, AdamStep step, nint stream)
    {
        var arguments = AdamArguments.Of(step);
        float** targets = stackalloc float*[averages.Length];
        float* oneMinusBeta = stackalloc float[averages.Length];
        for (int i = 0; i < averages.Length; i++)
        {
            targets[i] = (float*)averages[i].Values;
            oneMinusBeta[i] = (float)(1 - averages[i].Beta);
        }

        Check(adam((float*)weights, (float*)gradients, (float*)firstMoment, (float*)secondMoment, length, &arguments, targets, oneMinusBeta, averages.Length, null, stream), "Adam");
    }

    /// <summary>destination ← left + right.</summary>
    public void Add(nint destination, nint left, nint right, long length, nint stream) => Check(add((float*)destination, (float*)left, (float*)right, length, stream), "adding");

    /// <summary>Number of values that <see cref="Summarize(nint, long, nint, nint, nint)"/> needs in each of its two buffers.</summary>
    public int SummaryBlocks => summaryBlocks();

    /// <summary>Sum of squares of the finite values into the first of <paramref name="sums"/>, number of the others into the first of <paramref name="counts"/>.</summary>
    public void Summarize(nint values, long length, nint sums, nint counts, nint stream) => Check(summarize((float*)values, 1, length, (double*)sums, (long*)counts, stream), "summing squares");

#if !USE_PACKAGES
    /// <summary>Adam on arenas of a GPU.</summary>
    public void Adam(Arena weights, Arena gradients, Arena firstMoment, Arena secondMoment, ReadOnlySpan<AverageUpdate> averages, AdamStep step)
    {
        var updates = new (nint, double)[averages.Length];
        for (int i = 0; i < updates.Length; i++)
        {
            updates[i] = (NativeHooks.DataPointer(averages[i].Average.Flat), averages[i].Beta);
        }

        Adam(
            NativeHooks.DataPointer(weights.Flat), NativeHooks.DataPointer(gradients.Flat), NativeHooks.DataPointer(firstMoment.Flat), NativeHooks.DataPointer(secondMoment.Flat), weights.Length,
            updates, step, StreamOf(weights));
    }

    /// <summary>Sum of arenas of a GPU.</summary>
    public void Add(Arena destination, Arena left, Arena right) =>
        Add(NativeHooks.DataPointer(destination.Flat), NativeHooks.DataPointer(left.Flat), NativeHooks.DataPointer(right.Flat), destination.Length, StreamOf(destination));

    /// <summary>Summary of an arena of a GPU; waits for it.</summary>
    public GradientSummary Summarize(Arena arena)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var sums = torch.zeros([SummaryBlocks], dtype: torch.ScalarType.Float64, device: arena.Flat.device);
        var counts = torch.zeros([SummaryBlocks], dtype: torch.ScalarType.Int64, device: arena.Flat.device);
        Summarize(NativeHooks.DataPointer(arena.Flat), arena.Length, NativeHooks.DataPointer(sums), NativeHooks.DataPointer(counts), StreamOf(arena));
        double[] both = torch.stack([sums[0], counts[0].to(torch.ScalarType.Float64)]).cpu().data<double>().ToArray();
        return new GradientSummary(both[0], (long)both[1]);
    }

    private static nint StreamOf(Arena arena) => CudaBridge.NativeStream(arena.Flat.device, CudaBridge.CurrentStream(arena.Flat.device));
#endif

    private static (CudaKernels?, string) Load()
    {
#if USE_PACKAGES
        return (null, "The published package does not say where tensors lie.");
#else
        string path = Path.Combine(AppContext.BaseDirectory, "libdiffusion_cuda.so");
        if (!File.Exists(path))
        {
            return (null, $"{path} is not there: src/Diffusion.Native/native/build.sh builds it where it finds nvcc. TorchSharp's operations do the same in more passes.");
        }

        try
        {
            return (new CudaKernels(NativeLibrary.Load(path)), "");
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            return (null, $"{path} cannot be used: {e.Message}");
        }
#endif
    }

    private void Check(int result, string what)
    {
        if (result != 0)
        {
            throw new InvalidOperationException($"CUDA refused {what} over an arena: {Marshal.PtrToStringUTF8((nint)error(result))} (error {result}).");
        }
    }
}
