using TorchSharp;
#if !USE_PACKAGES
using System.Runtime.InteropServices;
#endif

namespace Diffusion.Native.Operators;

/// <summary>The compiled operators as libtorch's dispatcher knows them.</summary>
internal static partial class OperatorLibrary
{
    /// <summary>For tests and comparisons: makes this thread use the composed operators.</summary>
    [field: ThreadStatic]
    public static bool ComposedOnly { get; set; }

#if USE_PACKAGES
    public static bool IsAvailable => false;

    public static string WhyNot => "The fused operators are called through this product's own TorchSharp; a build with UsePackages has none.";

    public static string InstructionSet => "";

    public static bool Takes(torch.Tensor x) => false;
#else
    private static readonly Lazy<string> Problem = new(FindProblem);

    /// <summary>Whether the library is there and fits this libtorch.</summary>
    public static bool IsAvailable => Problem.Value.Length == 0;

    /// <summary>Empty, or why the operators cannot be used.</summary>
    public static string WhyNot => Problem.Value;

    /// <summary>base, avx2 or avx512.</summary>
    public static unsafe string InstructionSet => Marshal.PtrToStringUTF8((nint)diffusion_operators_set()) ?? "";

    /// <summary>Whether the compiled operators can work on a tensor: float32 in the CPU's memory.</summary>
    public static bool Takes(torch.Tensor x) => IsAvailable && !ComposedOnly && x.dtype == torch.ScalarType.Float32 && x.device_type == DeviceType.CPU;

    internal static readonly Operator MpSilu = new("diffusion::mp_silu");
    internal static readonly Operator ModulatedMpSilu = new("diffusion::modulated_mp_silu");
    internal static readonly Operator MpSum = new("diffusion::mp_sum");
    internal static readonly Operator MpCat = new("diffusion::mp_cat");
    internal static readonly Operator PixelNorm = new("diffusion::pixel_norm");
    internal static readonly Operator BoxResample = new("diffusion::box_resample");
    internal static readonly Operator NormalizedWeight = new("diffusion::normalized_weight");
    internal static readonly Operator NormalizeRows = new("diffusion::normalize_rows_");
    internal static readonly Operator Convolution3x3 = new("diffusion::conv3x3");
    internal static readonly Operator Convolution1x1 = new("diffusion::conv1x1");
    internal static readonly Operator CosineAttention = new("diffusion::cosine_attention");

    private static string FindProblem()
    {
        // Loads libtorch, which our library links to, the way it wants to be loaded.
        NativeLoader.Load();
        return NativeLibraries.OperatorsProblem;
    }

    [LibraryImport(NativeLibraries.Operators)]
    private static unsafe partial byte* diffusion_operators_set();
#endif
}
