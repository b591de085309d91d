using System.Runtime.InteropServices;

namespace Diffusion.Native;

/// <summary>The compiled kernels.</summary>
internal static unsafe partial class NativeKernels
{
    private const int AbiVersion = 1;
    private static readonly Lazy<string> Problem = new(FindProblem);

    /// <summary>Whether the library is there and is ours.</summary>
    public static bool IsAvailable => Problem.Value.Length == 0;

    /// <summary>Empty, or why the kernels cannot be used.</summary>
    public static string WhyNot => Problem.Value;

    /// <summary>base, avx2 or avx512.</summary>
    public static string InstructionSet => Marshal.PtrToStringUTF8((nint)dn_instruction_set()) ?? "";

    /// <summary>For tests: switches to another instruction set; false when this processor lacks it.</summary>
    public static bool TrySelect(string instructionSet) => dn_select(instructionSet) == 0;

    public static void Add(nint destination, nint left, nint right, long count, int threads) =>
        dn_add((float*)destination, (float*)left, (float*)right, count, threads);

    public static void Scale(nint values, float factor, long count, int threads) => dn_scale((float*)values, factor, count, threads);

    public static GradientSummary Summarize(nint values, long count, int threads)
    {
        Summary summary;
        dn_summarize((float*)values, count, threads, &summary);
        return new GradientSummary(summary.SumOfSquares, summary.NonFinite);
    }

    public static GradientSummary Adam(Arena weights, Arena gradients, Arena firstMoment, Arena secondMoment, ReadOnlySpan<AverageUpdate> averages, AdamStep step, int threads)
    {
        var arguments = AdamArguments.Of(step);
        float** targets = stackalloc float*[averages.Length];
        float* oneMinusBeta = stackalloc float[averages.Length];
        for (int i = 0; i < averages.Length; i++)
        {
            targets[i] = (float*)averages[i].Average.Address;
            oneMinusBeta[i] = (float)(1 - averages[i].Beta);
        }

        Summary summary;
        dn_adam(
            (float*)weights.Address, (float*)gradients.Address, (float*)firstMoment.Address, (float*)secondMoment.Address, weights.Length,
            targets, oneMinusBeta, averages.Length, &arguments, threads, &summary);
        return new GradientSummary(summary.SumOfSquares, summary.NonFinite);
    }

    public static void SumInOrder(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count, int threads)
    {
        fixed (nint* addresses = sources)
        fixed (int* additions = merges)
        {
            if (dn_sum_in_order((float*)destination, (float**)addresses, additions, merges.Length, count, threads) != 0)
            {
                throw new ArgumentException($"Additions [{string.Join(' ', merges.ToArray())}] do not end with one sum, or hold more than 24 at once.", nameof(merges));
            }
        }
    }

    public static ulong Digest(nint bytes, long count, int threads) => dn_digest((byte*)bytes, count, threads);

    private static string FindProblem()
    {
        if (NativeLibraries.KernelsProblem is { Length: > 0 } problem)
        {
            return problem;
        }

        int abi = dn_abi();
        return abi == AbiVersion ? "" : $"libdiffusion_native.so is of interface {abi} and this program of {AbiVersion}; build both from one source.";
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Summary
    {
        public double SumOfSquares;
        public long NonFinite;
    }

    [LibraryImport(NativeLibraries.Kernels)]
    private static partial int dn_abi();

    [LibraryImport(NativeLibraries.Kernels)]
    private static partial byte* dn_instruction_set();

    [LibraryImport(NativeLibraries.Kernels, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int dn_select(string name);

    [LibraryImport(NativeLibraries.Kernels)]
    private static partial void dn_add(float* destination, float* left, float* right, long count, int threads);

    [LibraryImport(NativeLibraries.Kernels)]
    private static partial void dn_scale(float* values, float factor, long count, int threads);

    [LibraryImport(NativeLibraries.Kernels)]
    private static partial void dn_summarize(float* values, long count, int threads, Summary* summary);

    [LibraryImport(NativeLibraries.Kernels)]
    private static partial void dn_adam(
        float* weights, float* gradients, float* firstMoment, float* secondMoment, long count,
        float** averages, float* oneMinusBeta, int averageCount, AdamArguments* step, int threads, Summary* summary);

    [LibraryImport(NativeLibraries.Kernels)]
    private static partial int dn_sum_in_order(float* destination, float** sources, int* merges, int sourceCount, long count, int threads);

    [LibraryImport(NativeLibraries.Kernels)]
    private static partial ulong dn_digest(byte* bytes, long count, int threads);
}
