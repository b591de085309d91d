using Diffusion.Native.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace Diffusion.Native.Tests.Operators;

/// <summary>Runs only where the compiled operators are.</summary>
internal sealed class OperatorFactAttribute : FactAttribute
{
    public OperatorFactAttribute() => Skip = FusedOperators.IsAvailable ? null : FusedOperators.Description;
}

/// <summary>Runs only where the compiled operators are.</summary>
internal sealed class OperatorTheoryAttribute : TheoryAttribute
{
    public OperatorTheoryAttribute() => Skip = FusedOperators.IsAvailable ? null : FusedOperators.Description;
}

/// <summary>How an input lies in memory.</summary>
public enum Layout
{
    /// <summary>Row by row.</summary>
    Contiguous,

    /// <summary>The channels of a pixel side by side.</summary>
    ByPixel,

    /// <summary>A part of a larger tensor, with gaps.</summary>
    Strided,
}

/// <summary>One operator with the shapes of its inputs.</summary>
internal sealed record OperatorCase(Func<Tensor[], Tensor> Apply, params long[][] Shapes)
{
    private const double Epsilon = 1e-4;

    public static readonly IReadOnlyDictionary<string, OperatorCase> All = new Dictionary<string, OperatorCase>
    {
        ["silu"] = new(x => FusedOperators.MpSilu(x[0]), [3, 5, 6, 7]),
        ["silu of vectors"] = new(x => FusedOperators.MpSilu(x[0]), [3, 37]),
        ["modulated silu"] = new(x => FusedOperators.ModulatedMpSilu(x[0], x[1]), [3, 21, 6, 7], [3, 21]),
        ["modulated silu, one scale"] = new(x => FusedOperators.ModulatedMpSilu(x[0], x[1]), [3, 32, 4, 4], [1, 32]),
        ["sum"] = new(x => FusedOperators.MpSum(x[0], x[1], 0.9, 0.4), [2, 5, 7, 3], [2, 5, 7, 3]),
        ["sum, some clamped"] = new(x => FusedOperators.MpSum(x[0], x[1], 0.9, 0.4, limit: 0.5), [2, 5, 7, 3], [2, 5, 7, 3]),
        ["sum, none clamped"] = new(x => FusedOperators.MpSum(x[0], x[1], 0.9, 0.4, limit: 256), [2, 5, 7, 3], [2, 5, 7, 3]),
        ["cat"] = new(x => FusedOperators.MpCat(x[0], x[1], 1.3, 0.7), [2, 5, 3, 4], [2, 19, 3, 4]),
        ["pixel norm"] = new(x => FusedOperators.Normalize(x[0], [1], Epsilon), [2, 37, 3, 5]),
        ["pixel norm, huge epsilon"] = new(x => FusedOperators.Normalize(x[0], [1], 1), [2, 37, 3, 5]),
        ["weight"] = new(x => FusedOperators.NormalizedWeight(x[0], null, 0.3, Epsilon), [7, 3, 3, 3]),
        ["weight with gain"] = new(x => FusedOperators.NormalizedWeight(x[0], x[1], 0.3, Epsilon), [7, 29], []),
        ["mean of pixels"] = new(x => FusedOperators.BoxResample(x[0], up: false), [2, 19, 6, 4]),
        ["repeated pixels"] = new(x => FusedOperators.BoxResample(x[0], up: true), [2, 19, 3, 5]),
        ["3x3 convolution"] = new(x => FusedOperators.Convolution(x[0], x[1]), [5, 32, 16, 16], [48, 32, 3, 3]),
        ["3x3 convolution, odd sizes"] = new(x => FusedOperators.Convolution(x[0], x[1]), [9, 4, 7, 5], [3, 4, 3, 3]),
        ["3x3 convolution, few tiles"] = new(x => FusedOperators.Convolution(x[0], x[1]), [1, 16, 4, 4], [16, 16, 3, 3]) { FallsBack = true },
        ["1x1 convolution"] = new(x => FusedOperators.Convolution(x[0], x[1]), [3, 32, 5, 5], [64, 32, 1, 1]),
        ["1x1 convolution, odd channels"] = new(x => FusedOperators.Convolution(x[0], x[1]), [3, 5, 5, 5], [7, 5, 1, 1]) { FallsBack = true },
        ["attention"] = new(x => FusedOperators.CosineAttention(x[0], 2, Epsilon), [2, 96, 4, 8]),
        ["attention, odd pixels"] = new(x => FusedOperators.CosineAttention(x[0], 2, Epsilon), [2, 96, 3, 5]) { FallsBack = true },
    };

    /// <summary>Whether these shapes have no compiled form.</summary>
    public bool FallsBack { get; init; }

    /// <summary>Result and gradients of the inputs for a seeded gradient of the result.</summary>
    public Tensor[] Run(int seed, Layout layout, ScalarType type)
    {
        using var generator = new Generator((ulong)seed);
        Tensor[] inputs = [.. Shapes.Select(shape => Lay(randn(shape, generator: generator).to(type), layout).detach().requires_grad_(true))];
        var result = Apply(inputs);
        var gradient = randn(result.shape, generator: generator).to(type);
        result.backward([gradient]);
        return [result.detach(), .. inputs.Select(input => input.grad ?? throw new InvalidOperationException("An input has no gradient."))];
    }

    private static Tensor Lay(Tensor x, Layout layout) => layout switch
    {
        Layout.ByPixel when x.dim() == 4 => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        Layout.Strided when x.dim() > 0 => cat([x, x], -1).narrow(-1, 0, x.shape[^1]),
        _ => x,
    };
}
