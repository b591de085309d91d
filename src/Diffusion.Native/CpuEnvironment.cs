using System.Diagnostics;
using System.Runtime.InteropServices;
using Diffusion.Native.Collectives;

namespace Diffusion.Native;

/// <summary>What of this assembly's native side works on this box: read by people who wonder why a run is slow or does not start.</summary>
public static class CpuEnvironment
{
    /// <summary>Whether the compiled kernels are used.</summary>
    public static bool HasKernels => NativeKernels.IsAvailable;

    /// <summary>Instruction set of the kernels (base, avx2, avx512), or why they are not used.</summary>
    public static string Kernels => HasKernels ? NativeKernels.InstructionSet : NativeKernels.WhyNot;

    /// <summary>Whether ranks of different processes can exchange gradients.</summary>
    public static bool HasGloo => GlooTransport.IsAvailable;

    /// <summary>Version of gloo, or why it is not used.</summary>
    public static string Gloo => HasGloo ? GlooNative.Version : GlooNative.WhyNot;

    /// <summary>Number of logical processors this process may use.</summary>
    public static int Processors => Environment.ProcessorCount;

    /// <summary>Processor architecture of this process.</summary>
    public static string Architecture => RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>Runs every kernel against plain C# for about a second at most and returns every difference found; none means all is well.</summary>
    public static IReadOnlyList<string> SelfTest()
    {
        var watch = Stopwatch.StartNew();
        var problems = new List<string>();
        for (int seed = 0; seed < 8 && watch.ElapsedMilliseconds < 1000; seed++)
        {
            problems.AddRange(KernelSelfTest.Run(seed));
        }

        return problems;
    }
}
