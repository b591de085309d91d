namespace Diffusion.Native.Tests.Kernels;

/// <summary>A test that needs the compiled kernels.</summary>
internal sealed class KernelTheoryAttribute : TheoryAttribute
{
    public KernelTheoryAttribute() => Skip = CpuEnvironment.HasKernels ? null! : CpuEnvironment.Kernels;
}

/// <summary>A test that needs the compiled kernels.</summary>
internal sealed class KernelFactAttribute : FactAttribute
{
    public KernelFactAttribute() => Skip = CpuEnvironment.HasKernels ? null! : CpuEnvironment.Kernels;
}
