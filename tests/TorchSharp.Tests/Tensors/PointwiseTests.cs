namespace TorchSharp.Tests.Tensors;

public sealed class PointwiseTests : IDisposable
{
    private static readonly double[] Values = [0.3, -0.7, 0.9, 0.11];
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<string> Functions => [.. Twins.Keys];

    private static Dictionary<string, Func<double, double>> Twins { get; } = new()
    {
        ["abs"] = Math.Abs, ["neg"] = x => -x, ["exp"] = Math.Exp, ["expm1"] = x => Math.Exp(x) - 1, ["sin"] = Math.Sin, ["cos"] = Math.Cos, ["tan"] = Math.Tan,
        ["asin"] = Math.Asin, ["acos"] = Math.Acos, ["atan"] = Math.Atan, ["tanh"] = Math.Tanh, ["sigmoid"] = x => 1 / (1 + Math.Exp(-x)), ["floor"] = Math.Floor,
        ["ceil"] = Math.Ceiling, ["trunc"] = Math.Truncate, ["frac"] = x => x - Math.Truncate(x), ["sign"] = x => Math.Sign(x), ["reciprocal"] = x => 1 / x,
        ["silu"] = x => x / (1 + Math.Exp(-x)), ["relu"] = x => Math.Max(x, 0), ["sqrt"] = Math.Sqrt, ["rsqrt"] = x => 1 / Math.Sqrt(x), ["log"] = Math.Log, ["log2"] = Math.Log2,
        ["log10"] = Math.Log10, ["log1p"] = x => Math.Log(1 + x),
    };

    public void Dispose() => scope.Dispose();

    private static Tensor T(params double[] values) => torch.tensor(values);

    [Theory]
    [MemberData(nameof(Functions))]
    public void Function_OfEveryElement_IsThatOfMath(string name)
    {
        var expected = Values.Select(Twins[name]).ToArray();
        var method = typeof(Tensor).GetMethod(name, [])!;
        Check.Close(expected, (Tensor)method.Invoke(T(Values), null)!, 1e-12);
        Check.Close(expected, (Tensor)typeof(torch).GetMethod(name, [typeof(Tensor)])?.Invoke(null, [T(Values)])! ?? T(expected), 1e-12);
        if (typeof(Tensor).GetMethod(name + "_", []) is { } inPlace)
        {
            var tensor = T(Values);
            Assert.Same(tensor, inPlace.Invoke(tensor, null));
            Check.Close(expected, tensor, 1e-12);
        }
    }

    [Fact]
    public void Operators_TensorsAndNumbersOnEitherSide_AreArithmetic()
    {
        var a = T(1, 2, 4);
        var b = T(2, 5, 8);
        Check.Close([3, 7, 12], a + b);
        Check.Close([-1, -3, -4], a - b);
        Check.Close([2, 10, 32], a * b);
        Check.Close([0.5, 0.4, 0.5], a / b);
        Check.Close([3, 4, 6], a + 2);
        Check.Close([3, 4, 6], 2.0 + a);
        Check.Close([-1, 0, 2], a - 2f);
        Check.Close([1, 0, -2], 2L - a);
        Check.Close([3, 6, 12], 3 * a);
        Check.Close([3, 6, 12], a * (Scalar)3);
        Check.Close([0.5, 1, 2], a / 2);
        Check.Close([2, 1, 0.5], 2 / a);
        Check.Close([0, 1, 0], b % 2);
        Check.Close([-1, -2, -4], -a);
        Check.Close([1, 0, 0], a < 2);
        Check.Close([1, 1, 0], a <= 2);
        Check.Close([0, 0, 1], a > 2);
        Check.Close([0, 1, 1], a >= 2);
        Check.Close([1, 0, 0], (Scalar)2 > a);
        Check.Close([0, 1, 0], a == 2);
        Check.Close([1, 0, 1], a != 2);
        Check.Close([0, 0, 1], (a > 1) & (a > 2));
        Check.Close([0, 1, 1], (a > 1) | (a > 2));
        Check.Close([0, 1, 0], (a > 1) ^ (a > 2));
        Check.Close([1, 0, 0], ~(a > 1));
    }

    [Fact]
    public void Operators_FloatWithDoubleScalar_StaysFloat()
    {
        Assert.Equal(ScalarType.Float32, (ones(2) * 2.5).dtype);
        Assert.Equal(ScalarType.Float32, (1.0 / ones(2)).dtype);
        Assert.Equal(ScalarType.Float32, (torch.tensor(new long[] { 1 }) * 2.5f).dtype);
        Assert.Equal(ScalarType.Int64, (torch.tensor(new long[] { 1 }) * 2).dtype);
        Assert.Equal(ScalarType.Float16, (ones(2, dtype: float16) - 1.0).dtype);
    }

    [Fact]
    public void Arithmetic_WithAlphaAndValue_WeightsTheSecondOperand()
    {
        Check.Close([5, 8], T(1, 2).add(T(2, 3), 2));
        Check.Close([5, 8], T(1, 2).add_(T(2, 3), 2));
        Check.Close([7, 8], T(1, 2).add(3, 2));
        Check.Close([13, 32], T(1, 2).addcmul(T(2, 3), T(3, 5), 2));
        Check.Close([2, 5], T(1, 2).addcdiv(T(2, 6), T(4, 4), 2));
        Check.Close([1.5, 3.5], T(1, 2).addcdiv_(T(2, 6), T(4, 4)));
        Check.Close([1.5, 2.5], T(1, 2).lerp(T(2, 3), 0.5));
        Check.Close([1.25, 2.25], T(1, 2).lerp_(T(2, 3), torch.tensor(0.25)));
        Check.Close([-1, -1], T(1, 2).sub_(T(2, 3)));
    }

    [Fact]
    public void Division_ByRoundingMode_Rounds()
    {
        Check.Close([-3.5], T(-7).div(2));
        Check.Close([-3], T(-7).div(2, RoundingMode.trunc));
        Check.Close([-4], T(-7).div(T(2), RoundingMode.floor));
        Check.Close([-4], T(-7).div_(T(2), RoundingMode.floor));
        Check.Close([1], T(-7).remainder(2));
        Check.Close([-1], T(-7).fmod(2));
    }

    [Fact]
    public void Limits_Clamp_AbsentBoundsDoNotLimit()
    {
        Check.Close([0, 0.5, 1], T(-1, 0.5, 2).clamp(0, 1));
        Check.Close([0, 0.5, 2], T(-1, 0.5, 2).clamp(min: (Scalar)0));
        Check.Close([-1, 0.5, 1], T(-1, 0.5, 2).clip(max: 1));
        Check.Close([0, 0.5, 1], T(-1, 0.5, 2).clamp_(0, 1));
        Check.Close([-0.5, 0.5, 2], T(-1, 0.5, 2).clamp(T(-0.5, 0, 0), T(9, 9, 9)));
        Check.Close([0, 2], T(-1, 2).clamp_min(0));
        Check.Close([-1, 1], T(-1, 2).clamp_max(1));
        Check.Close([2, 5], torch.maximum(T(2, 1), T(1, 5)));
        Check.Close([1, 1], torch.minimum(T(2, 1), T(1, 5)));
    }

    [Fact]
    public void Special_Numbers_AreFoundAndReplaced()
    {
        var x = T(1, double.NaN, double.PositiveInfinity, double.NegativeInfinity);
        Check.Close([1, 0, 0, 0], x.isfinite());
        Check.Close([0, 1, 0, 0], x.isnan());
        Check.Close([0, 0, 1, 1], x.isinf());
        Check.Close([1, 7, 8, 9], x.nan_to_num(7, 8, 9));
        Check.Close([1, 0, double.MaxValue, double.MinValue], torch.nan_to_num(x));
        Check.Close([1, -1, -1, -1], torch.where(x.isfinite(), x, T(-1)));
    }

    [Fact]
    public void Powers_AndRounding_AreThatOfMath()
    {
        Check.Close([8, 27], T(2, 3).pow(3));
        Check.Close([4, 27], T(2, 3).pow(T(2, 3)));
        Check.Close([4, 9], T(2, 3).square());
        Check.Close([2, 2, 4], T(1.5, 2.5, 3.5).round());
        Check.Close([1.25], T(1.2468).round(2));
        Check.Close([5], T(3).hypot(T(4)));
        Check.Close([Math.Atan2(1, 2)], T(1).atan2(T(2)));
        Check.Close([2, 8], T(1, 3).exp2());
        Check.Close([0.5 * (1 + 0.8427007929)], torch.nn.functional.gelu(T(Math.Sqrt(2))).div(Math.Sqrt(2)), 1e-8);
    }

    [Fact]
    public void Logic_OfTruthValues_IsElementwise()
    {
        var a = torch.tensor(new[] { true, true, false });
        var b = torch.tensor(new[] { true, false, false });
        Check.Close([1, 0, 0], a.logical_and(b));
        Check.Close([1, 1, 0], a.logical_or(b));
        Check.Close([0, 1, 0], a.logical_xor(b));
        Check.Close([0, 0, 1], a.logical_not());
        Assert.False(a.all().ToBoolean());
        Assert.True(a.any().ToBoolean());
        Check.Close([1], a.view(1, 3).any(1));
        Assert.True(T(1, 2).allclose(T(1, 2 + 1e-9)));
        Assert.False(T(1, 2).allclose(T(1, 2.1)));
    }
}
