namespace TorchSharp.Tests.Interop;

public sealed class DiagnosticsTests
{
    [Fact]
    public void Diagnostics_OnThisBox_NamesLibtorchAndBlas()
    {
        Assert.Matches(@"^\d+\.\d+\.\d+$", Diagnostics.LibtorchVersion);
        Assert.Equal(Diagnostics.LibtorchVersion, torch.__version__);
        Assert.Contains("libtorch", Diagnostics.LibtorchPath, StringComparison.Ordinal);
        Assert.True(File.Exists(Diagnostics.BridgePath), Diagnostics.BridgePath);
        Assert.NotEmpty(Diagnostics.BlasName);
        Assert.NotEmpty(Diagnostics.Configuration);
    }

    [Fact]
    public void CpuMemory_TensorMadeAndDisposed_IsCountedExactly()
    {
        const long Bytes = 40L << 20;
        _ = ones(1);
        var before = Diagnostics.CpuMemory.Live;
        Diagnostics.ResetPeakCpuMemory();
        using (empty(Bytes / 4))
        {
            Assert.Equal(Bytes, Diagnostics.CpuMemory.Live - before);
        }
        Assert.True(Diagnostics.CpuMemory.Live <= before);
        Assert.True(Diagnostics.CpuMemory.Peak >= before + Bytes);
        Assert.True(Diagnostics.CpuMemory.Reserved >= Bytes);
    }

    [Fact]
    public void MemoryBudget_TensorsNobodyDisposes_StayBounded()
    {
        const int Count = 600;
        Diagnostics.ResetPeakCpuMemory();
        var before = Diagnostics.CpuMemory.Live;
        for (var i = 0; i < Count; i++)
        {
            _ = empty(1 << 20);
        }
        var peak = Diagnostics.CpuMemory.Peak - before;
        Assert.True(peak < 1L << 30, $"{Count} forgotten tensors of 4 MiB held {peak >> 20} MiB at once");
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    [Fact]
    public void Environment_WhenLibtorchLoads_HasCalmOpenMP()
    {
        _ = ones(1);
        var environment = File.ReadAllText("/proc/self/environ");
        // /proc shows only what the process was started with; what was set later is read through libc.
        Assert.True(environment.Contains("OMP_WAIT_POLICY=", StringComparison.Ordinal) || LibcEnvironment.Get("GOMP_SPINCOUNT") is not null);
    }

    [Fact]
    public void Matmul_WithTheBlasThatIsLoaded_IsNotTheReferencesSpeed()
    {
        if (!Diagnostics.BlasName.StartsWith("OpenBLAS", StringComparison.Ordinal))
        {
            return;
        }
        using var scope = NewDisposeScope();
        var a = randn(512, 512);
        _ = a.mm(a);
        var best = Enumerable.Range(0, 5).Min(_ =>
        {
            var watch = System.Diagnostics.Stopwatch.StartNew();
            a.mm(a).Dispose();
            return watch.Elapsed.TotalMilliseconds;
        });
        // 3 ms with OpenBLAS, 80 ms with the reference on one core.
        Assert.True(best < 60, $"a product of 512x512 matrices took {best:F1} ms with {Diagnostics.BlasPath}");
    }
}
