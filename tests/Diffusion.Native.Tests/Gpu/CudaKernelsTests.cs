using System.Diagnostics;
using System.Runtime.InteropServices;
using Diffusion.Native.Tests.Kernels;

namespace Diffusion.Native.Tests.Gpu;

/// <summary>The GPU's kernels, compiled for the processor by a stand-in for CUDA's header and called as on a GPU: same bits as the processor's kernels.</summary>
public sealed class CudaKernelsTests : IDisposable
{
    private static readonly string HostCuda = Path.Combine(AppContext.BaseDirectory, "host_cuda");
    private readonly string folder = Directory.CreateTempSubdirectory("diffusion-cuda-").FullName;
    private nint library;

    [CompilerFact]
    public void Adam_OnTheStandIn_HasTheBitsOfTheProcessorsKernels()
    {
        var kernels = Compile();
        using var expected = new AdamFixture(7);
        using var actual = new AdamFixture(7);
        using var expectedAverage = Copy(expected.Weights);
        using var actualAverage = Copy(expected.Weights);
        using var expectedCopied = Copy(expected.Gradients);
        using var actualCopied = Copy(expected.Gradients);
        expected.Gradients.Span(0, 4)[2] = float.NaN;
        actual.Gradients.Span(0, 4)[2] = float.NaN;
        var step = new AdamStep { LearningRate = 0.01, Step = 3, GradientScale = 0.125, ReplaceNonFinite = true };
        ComposedKernels.Adam(
            expected.Weights, expected.Gradients, expected.FirstMoment, expected.SecondMoment, [new AverageUpdate(expectedAverage, 0.9), new AverageUpdate(expectedCopied, 0)], step);

        kernels.Adam(
            actual.Weights.Address, actual.Gradients.Address, actual.FirstMoment.Address, actual.SecondMoment.Address, actual.Weights.Length,
            [(actualAverage.Address, 0.9), (actualCopied.Address, 0)], step, 0);

        Assert.Equal(Digests(expected.Weights, expected.Gradients, expected.FirstMoment, expected.SecondMoment, expectedAverage, expectedCopied),
            Digests(actual.Weights, actual.Gradients, actual.FirstMoment, actual.SecondMoment, actualAverage, actualCopied));
    }

    [CompilerFact]
    public void Add_OnTheStandIn_IsTheElementwiseSum()
    {
        var kernels = Compile();
        using var state = new AdamFixture(8);
        using var expected = new Arena(AdamFixture.Layout);
        ComposedKernels.Add(expected, state.Weights, state.Gradients);
        kernels.Add(state.Weights.Address, state.Weights.Address, state.Gradients.Address, state.Weights.Length, 0);

        Assert.Equal(Digests(expected), Digests(state.Weights));
    }

    [CompilerFact]
    public unsafe void Summarize_OnTheStandIn_CountsAndSquares()
    {
        var kernels = Compile();
        using var state = new AdamFixture(9);
        state.Gradients.Span(0, 4)[1] = float.PositiveInfinity;
        var expected = ComposedKernels.Summarize(state.Gradients);
        double[] sums = new double[kernels.SummaryBlocks];
        long[] counts = new long[kernels.SummaryBlocks];
        fixed (double* first = sums)
        fixed (long* bad = counts)
        {
            kernels.Summarize(state.Gradients.Address, state.Gradients.Length, (nint)first, (nint)bad, 0);
        }

        Assert.Equal(1, counts[0]);
        Assert.Equal(expected.NonFiniteCount, counts[0]);
        Assert.InRange(sums[0] / expected.SumOfSquares, 1 - 1e-12, 1 + 1e-12);
    }

    [CompilerFact]
    public void Adam_TooManyAverages_SaysWhatCudaSays()
    {
        var kernels = Compile();
        using var state = new AdamFixture(10);
        var many = Enumerable.Repeat((state.Weights.Address, 0.5), 17).ToArray();
        var refused = Assert.Throws<InvalidOperationException>(() => kernels.Adam(
            state.Weights.Address, state.Gradients.Address, state.FirstMoment.Address, state.SecondMoment.Address, state.Weights.Length, many, new AdamStep { LearningRate = 0.01, Step = 1 }, 0));

        Assert.Contains("invalid value (error 1)", refused.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        if (library != 0)
        {
            NativeLibrary.Free(library);
        }

        Directory.Delete(folder, recursive: true);
    }

    private CudaKernels Compile()
    {
        string path = Path.Combine(folder, "libdiffusion_cuda.so");
        using var compiler = Process.Start(new ProcessStartInfo(CompilerFact.Compiler, ["-x", "c++", "-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I", HostCuda, Path.Combine(HostCuda, "kernels.cu"), "-o", path]) { RedirectStandardError = true })!;
        string said = compiler.StandardError.ReadToEnd();
        Assert.True(compiler.WaitForExit(TimeSpan.FromMinutes(2)) && compiler.ExitCode == 0, said);
        library = NativeLibrary.Load(path);
        return new CudaKernels(library);
    }

    private static Arena Copy(Arena arena)
    {
        var copy = new Arena(arena.Layout);
        copy.CopyFrom(arena);
        return copy;
    }

    private static ulong[] Digests(params Arena[] arenas) => [.. arenas.Select(arena => ArenaKernels.Digest(arena, 1))];

    /// <summary>Runs where there is a C++ compiler.</summary>
    private sealed class CompilerFact : FactAttribute
    {
        public const string Compiler = "c++";

        public CompilerFact() => Skip = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, Compiler))) ? null : "there is no C++ compiler (c++) here";
    }
}
