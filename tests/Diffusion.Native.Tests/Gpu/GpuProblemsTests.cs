namespace Diffusion.Native.Tests.Gpu;

/// <summary>What the doctor says of boxes that nobody has here.</summary>
public sealed class GpuProblemsTests
{
    private static readonly GpuDescription H200 = new(0, "NVIDIA H200", 150_754_820_096, new Version(9, 0), 132);

    [Fact]
    public void Of_OneGoodGpu_FindsNothing() => Assert.Empty(GpuProblems.Of([H200], "9.10.2", "", (_, _) => false));

    [Fact]
    public void Of_TwoGoodGpus_FindsNothing() => Assert.Empty(GpuProblems.Of([H200, H200 with { Number = 1 }], "9.10.2", "", (_, _) => true));

    [Theory]
    [InlineData(6, 1, "compute capability 6.1; current libraries need 7.0")]
    [InlineData(7, 5, "no bfloat16 arithmetic. Train with --precision float16")]
    public void Of_OldGpu_NamesItAndTheRemedy(int major, int minor, string expected) =>
        Assert.Contains(expected, Assert.Single(GpuProblems.Of([H200 with { Capability = new Version(major, minor) }], "9", "", (_, _) => true)), StringComparison.Ordinal);

    [Fact]
    public void Of_LittleMemory_NamesIt() =>
        Assert.Contains("has 4.0 GB of memory", Assert.Single(GpuProblems.Of([H200 with { MemoryBytes = 4_000_000_000 }], "9", "", (_, _) => true)), StringComparison.Ordinal);

    [Fact]
    public void Of_NoCuDnn_NamesIt() => Assert.Contains("cuDNN is missing", Assert.Single(GpuProblems.Of([H200], "", "", (_, _) => true)), StringComparison.Ordinal);

    [Fact]
    public void Of_SeveralGpus_NamesModelsNcclAndMissingWays()
    {
        var problems = GpuProblems.Of([H200, H200 with { Number = 1, Name = "NVIDIA H100" }, H200 with { Number = 2 }], "9", "libnccl.so.2 is not here.", (a, b) => (a, b) != (0, 2)).ToList();

        Assert.Equal(3, problems.Count);
        Assert.Contains("NVIDIA H200, NVIDIA H100", problems[0], StringComparison.Ordinal);
        Assert.Contains("libnccl.so.2", problems[1], StringComparison.Ordinal);
        Assert.Contains("No direct way between cuda:0 and cuda:2:", problems[2], StringComparison.Ordinal);
    }
}
