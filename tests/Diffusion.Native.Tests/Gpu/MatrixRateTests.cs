namespace Diffusion.Native.Tests.Gpu;

/// <summary>The timed product gives a plausible rate, or none where there is no such arithmetic.</summary>
public sealed class MatrixRateTests
{
    [Fact]
    public void Measure_OnTheProcessor_IsPositive() => Assert.InRange(MatrixRate.Measure("cpu", MatrixFormat.Float32), 1e6, 1e15);

    [Fact]
    public void Measure_HalfPrecisionOnTheProcessor_IsNone() => Assert.Equal(0, MatrixRate.Measure("cpu", MatrixFormat.Float16));

    [Fact]
    public void Gpus_WithoutAny_SaysWhyAndTheRemedy() => Assert.True(GpuEnvironment.Gpus.Count > 0 || GpuEnvironment.WhyNone.Length > 40, GpuEnvironment.WhyNone);
}
