using System.Runtime.InteropServices;
using Diffusion.Native.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace Diffusion.Native.Tests.Operators;

/// <summary>Compiled operators against the composed ones in double precision.</summary>
public sealed class FusedOperatorsTests
{
    // libtorch's own convolutions and products promise no such thing.
    public static TheoryData<string> CompiledCases => new(OperatorCase.All.Where(pair => !pair.Value.FallsBack).Select(pair => pair.Key));

    public static TheoryData<string, Layout> CasesAndLayouts
    {
        get
        {
            var data = new TheoryData<string, Layout>();
            foreach (string name in OperatorCase.All.Keys)
            {
                data.Add(name, Layout.Contiguous);
                data.Add(name, Layout.ByPixel);
                data.Add(name, Layout.Strided);
            }

            return data;
        }
    }

    [OperatorTheory]
    [MemberData(nameof(CasesAndLayouts))]
    public void Operator_InFloat32_AgreesWithComposedInFloat64(string name, Layout layout)
    {
        for (int seed = 1; seed <= 3; seed++)
        {
            using var scope = NewDisposeScope();
            var fused = OperatorCase.All[name].Run(seed, layout, ScalarType.Float32);
            var composed = OperatorCase.All[name].Run(seed, Layout.Contiguous, ScalarType.Float64);
            for (int i = 0; i < composed.Length; i++)
            {
                Assert.Equal(composed[i].shape, fused[i].shape);
                double scale = composed[i].square().mean().sqrt().ToDouble();
                double error = fused[i].to(ScalarType.Float64).sub(composed[i]).abs().max().ToDouble();
                Assert.True(error <= 2e-5 * scale, $"{name}, {layout}, seed {seed}: {(i == 0 ? "the result" : $"the gradient of input {i - 1}")} is off by {error}, where its rms is {scale}.");
            }
        }
    }

    [OperatorTheory]
    [MemberData(nameof(CompiledCases))]
    public void Operator_OnTwoThreads_GivesTheBitsOfOne(string name)
    {
        // Threads are a property of the calling thread, so the test has one of its own.
        var results = new List<float[][]>();
        foreach (int threads in new[] { 1, 2, 1 })
        {
            var worker = new Thread(() =>
            {
                set_num_threads(threads);
                using var scope = NewDisposeScope();
                results.Add([.. OperatorCase.All[name].Run(4, Layout.ByPixel, ScalarType.Float32).Select(tensor => tensor.contiguous().data<float>().ToArray())]);
            });
            worker.Start();
            Assert.True(worker.Join(TimeSpan.FromSeconds(30)), $"{name} on {threads} threads has not ended in 30 s.");
        }

        Assert.Equal(results[0], results[1]);
        Assert.Equal(results[0], results[2]);
    }

    [OperatorFact]
    public void Operator_DifferentiatedTwice_SaysThatItCannot()
    {
        using var scope = NewDisposeScope();
        var x = ones([2, 16, 4, 4]).requires_grad_(true);
        var y = FusedOperators.MpSilu(x).sum();

        var exception = Assert.Throws<ExternalException>(() => autograd.grad([y], [x], create_graph: true));
        Assert.Contains("cannot be differentiated twice", exception.Message, StringComparison.Ordinal);
    }

    [OperatorFact]
    public void Sum_OfNotANumber_StaysOne()
    {
        using var scope = NewDisposeScope();
        var sum = FusedOperators.MpSum(tensor(new[] { float.NaN, 300f, -300f }), zeros(3), 1, 1, limit: 256);

        Assert.Equal([float.NaN, 256f, -256f], sum.data<float>().ToArray());
    }

    [OperatorFact]
    public void Silu_OfExtremes_IsFinite()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { -1e30f, -1000f, -88f, -0f, 0f, 1e-30f, 88f, 1000f, 1e30f }).requires_grad_(true);
        var y = FusedOperators.MpSilu(x);
        y.sum().backward();

        Assert.True(y.isfinite().all().ToBoolean(), y.ToString());
        Assert.True(x.grad!.isfinite().all().ToBoolean(), x.grad.ToString());
    }

    [Fact]
    public void NormalizeRows_OfSeveralWeights_BringsEveryRowToUnitMagnitude()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        Tensor[] weights = [randn([8, 3, 3, 3], generator: generator).mul(5), randn([4, 100], generator: generator), zeros(2, 3)];
        FusedOperators.NormalizeRows(weights, 1e-4);

        foreach (var weight in weights[..2])
        {
            var magnitudes = weight.flatten(1).square().mean([1]).sqrt();
            Assert.True(magnitudes.sub(1 / (1 + 1e-4)).abs().max().ToDouble() < 1e-3, magnitudes.ToString());
        }

        Assert.Equal(0, weights[2].abs().max().ToDouble());
    }
}
